// Integer kernels: hashing, sorting, strings, calls, byte code, big numbers, tables; and code that is executed a few times.
#include "bench.h"

#include <string.h>

static uint64_t crc(void) {
  static uint32_t table[256];
  for (uint32_t k = 0; k < 256; k++) {
    uint32_t value = k;
    for (int bit = 0; bit < 8; bit++) value = value & 1 ? value >> 1 ^ 0xedb88320 : value >> 1;
    table[k] = value;
  }
  uint32_t sum = ~0u;
  for (int round = 0; round < 8; round++)
    for (int k = 0; k < 1 << 19; k++) sum = table[(sum ^ arena[k]) & 255] ^ sum >> 8;
  return sum;
}

#define ROTATE(x, n) ((x) << (n) | (x) >> (32 - (n)))
static APART void quarter(uint32_t *x, int a, int b, int c, int d) {
  x[a] += x[b], x[d] ^= x[a], x[d] = ROTATE(x[d], 16);
  x[c] += x[d], x[b] ^= x[c], x[b] = ROTATE(x[b], 12);
  x[a] += x[b], x[d] ^= x[a], x[d] = ROTATE(x[d], 8);
  x[c] += x[d], x[b] ^= x[c], x[b] = ROTATE(x[b], 7);
}
static uint64_t chacha(void) {
  uint32_t x[16], sum = 0;
  for (uint32_t block = 0; block < 12000; block++) {
    for (int k = 0; k < 16; k++) x[k] = k * 0x9e3779b9 + block;
    for (int round = 0; round < 10; round++)
      for (int k = 0; k < 4; k++) {
        quarter(x, k, 4 + k, 8 + k, 12 + k);
        quarter(x, k, 4 + (k + 1) % 4, 8 + (k + 2) % 4, 12 + (k + 3) % 4);
      }
    for (int k = 0; k < 16; k++) sum = sum * 31 + x[k];
  }
  return sum;
}

static APART uint64_t ackermann(uint64_t m, uint64_t n) {
  if (m == 0) return n + 1;
  return n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}
static uint64_t calls(void) {
  uint64_t sum = 0;
  for (int k = 0; k < 12; k++) sum += ackermann(2, 250 + k) + ackermann(3, 5);
  return sum;
}
static APART int queens_from(int columns, int left, int right, int row, int size) {
  if (row == size) return 1;
  int found = 0;
  for (int free = ~(columns | left | right) & ((1 << size) - 1); free; free &= free - 1) {
    int bit = free & -free;
    found += queens_from(columns | bit, (left | bit) << 1, (right | bit) >> 1, row + 1, size);
  }
  return found;
}
static uint64_t queens(void) { return queens_from(0, 0, 0, 0, 12); }

static int compare_ints(const void *a, const void *b) {
  int x = *(const int *)a, y = *(const int *)b;
  return x < y ? -1 : x > y;
}
static APART void sort_range(int *v, int count, int (*compare)(const void *, const void *)) {
  while (count > 1) {
    int pivot = v[count / 2], i = 0, j = count - 1;
    while (i <= j) {
      while (compare(&v[i], &pivot) < 0) i++;
      while (compare(&v[j], &pivot) > 0) j--;
      if (i <= j) {
        int t = v[i];
        v[i++] = v[j];
        v[j--] = t;
      }
    }
    sort_range(v, j + 1, compare);
    v += i;
    count -= i;
  }
}
static uint64_t sort(void) {
  static int v[100000];
  for (int k = 0; k < 100000; k++) v[k] = (int)random_number();
  sort_range(v, 100000, compare_ints);
  uint64_t sum = 0;
  for (int k = 0; k < 100000; k += 97) sum = sum * 31 + (uint32_t)v[k];
  return sum;
}

static uint64_t words(void) {
  static char text[65536];
  static uint32_t count[4096];
  memset(count, 0, sizeof count);
  for (int k = 0; k < 65535; k++) text[k] = random_number() % 6 ? 'a' + random_number() % 20 : ' ';
  uint64_t sum = 0;
  for (int round = 0; round < 30; round++)
    for (char *p = text; *p;) {
      while (*p == ' ') p++;
      uint32_t hash = 5381;
      char *start = p;
      while (*p && *p != ' ') hash = hash * 33 ^ (uint8_t)*p++;
      sum += ++count[hash & 4095] * (uint64_t)(p - start);
    }
  return sum;
}

static uint64_t sieve(void) {
  uint8_t *composite = arena;
  enum { N = 1000000 };
  memset(composite, 0, N);
  uint64_t sum = 0;
  for (int k = 2; k < N; k++) {
    if (composite[k]) continue;
    sum += k;
    for (int j = 2 * k; j < N; j += k) composite[j] = 1;
  }
  return sum;
}

// A machine with a stack, a few variables and a loop; `switch` in a loop is how most interpreters are written.
static uint64_t bytecode(void) {
  enum { PUSH, LOAD, STORE, ADD, SUB, MUL, XOR, SHIFT, JUMP_IF, END };
  static const uint8_t program[] = {
    LOAD, 0, LOAD, 1, ADD, PUSH, 3, MUL, STORE, 0, LOAD, 1,    LOAD, 0, XOR,     STORE, 1, LOAD,
    0,    SHIFT, 5, LOAD, 1, ADD, STORE, 2, LOAD, 3, PUSH, 1, SUB, STORE, 3, LOAD, 3, JUMP_IF, 0, END,
  };
  uint64_t stack[16], variable[4] = {1, 2, 3, 250000}, *top = stack;
  for (const uint8_t *pc = program;;) switch (*pc++) {
      case PUSH: *top++ = *pc++; break;
      case LOAD: *top++ = variable[*pc++]; break;
      case STORE: variable[*pc++] = *--top; break;
      case ADD: top--, top[-1] += *top; break;
      case SUB: top--, top[-1] -= *top; break;
      case MUL: top--, top[-1] *= *top; break;
      case XOR: top--, top[-1] ^= *top; break;
      case SHIFT: top[-1] >>= *pc++; break;
      case JUMP_IF: pc = *--top ? program + *pc : pc + 1; break;
      default: return variable[0] ^ variable[1] ^ variable[2];
    }
}

struct shape {
  uint64_t (*area)(const struct shape *, uint64_t);
  uint32_t a, b;
};
static APART uint64_t square(const struct shape *s, uint64_t k) { return (uint64_t)s->a * s->a + k; }
static APART uint64_t rectangle(const struct shape *s, uint64_t k) { return (uint64_t)s->a * s->b ^ k; }
static APART uint64_t frame(const struct shape *s, uint64_t k) { return 2 * ((uint64_t)s->a + s->b) - k; }
static uint64_t virtual_calls(void) {
  static struct shape shapes[1024];
  static uint64_t (*const areas[])(const struct shape *, uint64_t) = {square, rectangle, frame};
  for (int k = 0; k < 1024; k++) shapes[k] = (struct shape){areas[random_number() % 3], random_number() & 255, k};
  uint64_t sum = 0;
  for (int round = 0; round < 1500; round++)
    for (int k = 0; k < 1024; k++) sum += shapes[k].area(&shapes[k], sum & 15);
  return sum;
}

static uint64_t big_numbers(void) {
  enum { LIMBS = 48 };
  uint64_t a[LIMBS], b[LIMBS], product[2 * LIMBS], sum = 0;
  for (int k = 0; k < LIMBS; k++) a[k] = (uint64_t)random_number() << 32 | random_number(), b[k] = ~a[k] * 3;
  for (int round = 0; round < 2000; round++) {
    memset(product, 0, sizeof product);
    for (int i = 0; i < LIMBS; i++) {
      unsigned __int128 carry = 0;
      for (int j = 0; j < LIMBS; j++) {
        carry += (unsigned __int128)a[i] * b[j] + product[i + j];
        product[i + j] = (uint64_t)carry;
        carry >>= 64;
      }
      product[i + LIMBS] = (uint64_t)carry;
    }
    a[round % LIMBS] ^= product[LIMBS];
    sum = sum * 31 + product[2 * LIMBS - 1];
  }
  return sum;
}

const struct kernel integer_kernels[] = {
  {"crc", crc},   {"chacha", chacha},     {"calls", calls},           {"queens", queens},           {"sort", sort},   {"words", words},
  {"sieve", sieve}, {"bytecode", bytecode}, {"virtual-calls", virtual_calls}, {"big-numbers", big_numbers}, {NULL, NULL},
};

// Many small functions, so that each is executed a few times only.
#define FUNCTION(n)                                            \
  static APART uint64_t f##n(uint64_t x) {                     \
    for (int k = 0; k < 3; k++) {                              \
      if (x & (n)) x = x * ((n) + 3) + k;                      \
      else x ^= x >> ((n) % 13 + 1);                           \
      x += (x << ((n) % 7)) ^ (n);                             \
    }                                                          \
    return x;                                                  \
  }
#define TEN(m, n) m(n##0) m(n##1) m(n##2) m(n##3) m(n##4) m(n##5) m(n##6) m(n##7) m(n##8) m(n##9)
#define HUNDRED(m, n)                                                                                              \
  TEN(m, n##0) TEN(m, n##1) TEN(m, n##2) TEN(m, n##3) TEN(m, n##4) TEN(m, n##5) TEN(m, n##6) TEN(m, n##7) TEN(m, n##8) \
  TEN(m, n##9)
#define ALL(m) HUNDRED(m, 1) HUNDRED(m, 2) HUNDRED(m, 3) HUNDRED(m, 4) HUNDRED(m, 5) HUNDRED(m, 6) HUNDRED(m, 7) HUNDRED(m, 8)
ALL(FUNCTION)
#define NAME(n) f##n,
static uint64_t (*const functions[])(uint64_t) = {ALL(NAME)};

static uint64_t through_all(int times) {
  uint64_t x = 1;
  for (int k = 0; k < times; k++)
    for (size_t f = 0; f < sizeof functions / sizeof functions[0]; f++) x = functions[f](x);
  return x;
}
static uint64_t cold(void) { return through_all(20); }
static uint64_t lukewarm(void) { return through_all(1000); }

const struct kernel cold_kernels[] = {{"cold", cold}, {"lukewarm", lukewarm}, {NULL, NULL}};
