// A job of two processes, one after the other and side by side:  parallel SERIAL TOGETHER        (nanoseconds, best of several)
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 8, STEPS = 30000000 };

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
static void job(void) {
  static uint32_t table[4096];
  uint32_t x = 1;
  for (int k = 0; k < STEPS; k++) {
    x = x * 1664525 + 1013904223;
    table[x >> 20] += x ^ table[k & 4095];
  }
  _exit(table[7] & 1);
}
static pid_t start(void) {
  pid_t child = fork();
  if (child == 0) job();
  return child;
}
int main(void) {
  uint64_t serial = -1, together = -1;
  for (int round = 0; round < ROUNDS; round++) {
    uint64_t begin = now();
    for (int k = 0; k < 2; k++) waitpid(start(), NULL, 0);
    uint64_t middle = now();
    pid_t children[] = {start(), start()};
    for (int k = 0; k < 2; k++) waitpid(children[k], NULL, 0);
    uint64_t end = now();
    if (middle - begin < serial) serial = middle - begin;
    if (end - middle < together) together = end - middle;
  }
  printf("parallel %llu %llu\n", (unsigned long long)serial, (unsigned long long)together);
  return 0;
}
