// Floating-point kernels.
#include "bench.h"

#include <math.h>
#include <string.h>

static uint64_t bits(double x) {
  uint64_t y;
  memcpy(&y, &x, sizeof y);
  return y;
}

static uint64_t planets(void) {
  double x[5][3], v[5][3], mass[5];
  for (int i = 0; i < 5; i++) {
    mass[i] = 1.0 / (i + 1);
    for (int k = 0; k < 3; k++) x[i][k] = i * 1.3 + k * 0.7 + 0.1 * i * k, v[i][k] = 0.01 * (i - k);
  }
  for (int step = 0; step < 15000; step++) {
    for (int i = 0; i < 5; i++)
      for (int j = i + 1; j < 5; j++) {
        double d[3], square = 0.01;
        for (int k = 0; k < 3; k++) d[k] = x[i][k] - x[j][k], square += d[k] * d[k];
        double force = 0.001 / (square * sqrt(square));
        for (int k = 0; k < 3; k++) v[i][k] -= d[k] * mass[j] * force, v[j][k] += d[k] * mass[i] * force;
      }
    for (int i = 0; i < 5; i++)
      for (int k = 0; k < 3; k++) x[i][k] += 0.001 * v[i][k];
  }
  return bits(x[0][0] + x[4][2]);
}

static uint64_t matrices(void) {
  enum { N = 96 };
  static double a[N][N], b[N][N], c[N][N];
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) a[i][j] = i * 0.37 + j, b[i][j] = i - j * 0.21;
  for (int round = 0; round < 4; round++)
    for (int i = 0; i < N; i++)
      for (int j = 0; j < N; j++) {
        double sum = c[j][i] * 1e-6;
        for (int k = 0; k < N; k++) sum += a[i][k] * b[k][j];
        c[i][j] = sum;
      }
  uint64_t r = bits(c[5][7]);
  memset(c, 0, sizeof c);
  return r;
}

static uint64_t mandelbrot(void) {
  uint64_t sum = 0;
  for (int py = 0; py < 120; py++)
    for (int px = 0; px < 120; px++) {
      double cx = px / 48.0 - 2.0, cy = py / 48.0 - 1.25, x = 0, y = 0;
      int k = 0;
      while (k < 120 && x * x + y * y < 4) {
        double t = x * x - y * y + cx;
        y = 2 * x * y + cy;
        x = t;
        k++;
      }
      sum = sum * 3 + k;
    }
  return sum;
}

static uint64_t singles(void) {
  static float sample[8192], out[8192];
  for (int k = 0; k < 8192; k++) sample[k] = (float)(random_number() & 0xffff) / 65536 - 0.5f;
  float energy = 0;
  for (int round = 0; round < 40; round++) {
    float a = 0, b = 0;
    for (int k = 0; k < 8192; k++) {
      float y = 0.2f * sample[k] + 1.5f * a - 0.7f * b;
      b = a, a = y;
      out[k] = y > 0 ? y : -0.5f * y;
    }
    for (int k = 0; k < 8192; k++) energy += out[k] * out[k] / (1.0f + out[k]);
  }
  return bits(energy);
}

static uint64_t functions(void) {
  double sum = 0;
  for (int k = 1; k < 12000; k++) {
    double x = k * 0.001;
    sum += sin(x) * exp(-x) + log(x + 1) / sqrt(x + 2) + pow(x, 0.3);
  }
  return bits(sum);
}

static uint64_t conversions(void) {
  uint64_t sum = 0;
  for (int k = 0; k < 600000; k++) {
    double x = (double)(int32_t)random_number() * 1e-3;
    int32_t whole = (int32_t)x;
    sum += whole + (int64_t)(float)x + (x - whole > 0.5);
  }
  return sum;
}

const struct kernel float_kernels[] = {
  {"planets", planets},     {"matrices", matrices},       {"mandelbrot", mandelbrot}, {"singles", singles},
  {"functions", functions}, {"conversions", conversions}, {NULL, NULL},
};
