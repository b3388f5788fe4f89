// Runs the kernels of all groups, or of those that are named, and prints for each:
//   kernel GROUP NAME FIRST MEDIAN CHECKSUM        (nanoseconds)
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { ARENA = 16 << 20, MOST_RUNS = 25, LEAST_RUNS = 3 };
// A kernel is repeated until its runs have taken so long together.
static const uint64_t LONG_ENOUGH = 300000000;

uint32_t random_state;
uint8_t *arena;

uint32_t random_number(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state;
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static void measure(const char *group, const struct kernel *kernel, int once) {
  uint64_t times[MOST_RUNS], first = 0, total = 0, checksum = 0;
  int runs = 0;
  do {
    random_state = 1;
    uint64_t start = now();
    checksum = kernel->run();
    times[runs] = now() - start;
    if (runs == 0) first = times[0];
    total += times[runs++];
  } while (!once && runs < MOST_RUNS && (runs < LEAST_RUNS || total < LONG_ENOUGH));
  qsort(times, runs, sizeof times[0], by_value);
  printf("kernel %s %s %llu %llu %llx\n", group, kernel->name, (unsigned long long)first,
         (unsigned long long)times[runs / 2], (unsigned long long)checksum);
  fflush(stdout);
}

int main(int count, char **names) {
  static const struct {
    const char *name;
    const struct kernel *kernels;
    int once;
  } groups[] = {
    {"int", integer_kernels, 0}, {"fp", float_kernels, 0},   {"mem", memory_kernels, 0},
    {"apart", apart_kernels, 0}, {"cold", cold_kernels, 1},  {"sys", system_kernels, 0},
  };
  arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (arena == MAP_FAILED) {
    perror("mmap");
    return 1;
  }
  memset(arena, 1, ARENA);
  for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++)
    for (const struct kernel *kernel = groups[g].kernels; kernel->name; kernel++) {
      int wanted = count < 2;
      for (int k = 1; k < count; k++) wanted |= !strcmp(names[k], groups[g].name) || !strcmp(names[k], kernel->name);
      if (wanted) measure(groups[g].name, kernel, groups[g].once);
    }
  printf("kernels done\n");
  return 0;
}
