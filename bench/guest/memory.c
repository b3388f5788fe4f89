// Memory kernels: streams, chains and tables in 4 to 16 MiB.
#include "bench.h"

#include <string.h>

static uint64_t stream(void) {
  uint64_t *words = (uint64_t *)arena, sum = 0;
  enum { N = (4 << 20) / 8 };
  for (int k = 0; k < N; k++) words[k] = k;
  for (int round = 0; round < 16; round++)
    for (int k = 0; k < N; k++) sum += words[k] ^ round;
  return sum;
}

static uint64_t transpose(void) {
  enum { N = 768 };
  uint32_t *a = (uint32_t *)arena, *b = a + N * N;
  for (int k = 0; k < N * N; k++) a[k] = k * 7;
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < N; i++)
      for (int j = 0; j < N; j++) b[j * N + i] = a[i * N + j] + round;
    memcpy(a, b, N * N * 4);
  }
  return a[12345];
}

static uint64_t chase(void) {
  uint32_t *next = (uint32_t *)arena;
  enum { N = 1 << 18 };
  for (int k = 0; k < N; k++) next[k] = k;
  for (int k = N - 1; k > 0; k--) {
    int other = random_number() % k;
    uint32_t t = next[k];
    next[k] = next[other];
    next[other] = t;
  }
  uint32_t at = 0;
  for (int k = 0; k < 2000000; k++) at = next[at];
  return at;
}

struct node {
  struct node *left, *right;
  uint64_t key;
};
static uint64_t tree(void) {
  struct node *nodes = (struct node *)arena, *root = NULL;
  enum { N = 40000 };
  uint64_t depth = 0;
  for (int k = 0; k < N; k++) {
    struct node *n = &nodes[k], **at = &root;
    *n = (struct node){NULL, NULL, random_number()};
    for (; *at; depth++) at = n->key < (*at)->key ? &(*at)->left : &(*at)->right;
    *at = n;
  }
  return depth;
}

static uint64_t table(void) {
  enum { SLOTS = 1 << 19 };
  uint64_t *slots = (uint64_t *)arena;
  memset(slots, 0, SLOTS * 8);
  uint64_t steps = 0;
  for (int k = 0; k < 250000; k++) {
    uint64_t key = (random_number() & 0x1ffff) + 1, at = key * 0x9e3779b97f4a7c15 >> 45;
    while (slots[at] && slots[at] >> 32 != key) at = (at + 1) % SLOTS, steps++;
    slots[at] = key << 32 | ((slots[at] + 1) & 0xffffffff);
  }
  return steps;
}

const struct kernel memory_kernels[] = {
  {"stream", stream}, {"transpose", transpose}, {"chase", chase}, {"tree", tree}, {"table", table}, {NULL, NULL},
};

static uint64_t copy(void) {
  for (int k = 0; k < 40; k++) memcpy(arena + (2 << 20), arena + (k & 7) * 8, 1 << 20);
  return arena[3 << 20];
}
static uint64_t fill(void) {
  for (int k = 0; k < 200; k++) memset(arena, k, 1 << 20);
  return arena[77];
}
static uint64_t many_pages(void) {
  uint64_t sum = 0;
  for (int round = 0; round < 400; round++)
    for (int page = 0; page < 4096; page++) {
      volatile uint32_t *word = (uint32_t *)(arena + page * 4096 + (page * 64 & 4095));
      sum += *word ^ round;
      *word = round;
    }
  return sum;
}
const struct kernel apart_kernels[] = {{"copy", copy}, {"fill", fill}, {"many-pages", many_pages}, {NULL, NULL}};
