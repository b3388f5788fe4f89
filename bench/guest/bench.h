// The guest's side of `npm run bench -- cpu`: kernels by group. A kernel returns a checksum that must be the same everywhere.
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

#define APART __attribute__((noinline))

struct kernel {
  const char *name;
  uint64_t (*run)(void);
};

// Each list ends with a kernel without a name.
extern const struct kernel integer_kernels[];
extern const struct kernel float_kernels[];
extern const struct kernel memory_kernels[];
// Memory, but what they measure is host instructions for copying, or the TLB alone.
extern const struct kernel apart_kernels[];
// Code that runs a few times only; these are not repeated.
extern const struct kernel cold_kernels[];
extern const struct kernel system_kernels[];

// Set before each run of a kernel, so that runs are equal.
extern uint32_t random_state;
uint32_t random_number(void);
// 16 MiB that have been touched.
extern uint8_t *arena;

#endif
