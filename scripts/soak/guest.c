// Runs rounds of everything that has ever confused a translator, each with a known answer, for so many seconds:
//   soak SECONDS DIGEST PRINTED
//     DIGEST: SHA-256, as hexadecimal digits, of 1 MiB of the generator's bytes
//     PRINTED: what /root/program.c prints, as another machine's compiler has it
// Prints `round N` after each round, `soak done N`, or `WRONG what`.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint32_t state;
static uint32_t next(void) {
  state ^= state << 13, state ^= state >> 17, state ^= state << 5;
  return state;
}
static void wrong(const char *what, uint64_t got, uint64_t expected) {
  printf("WRONG %s: %llx, not %llx\n", what, (unsigned long long)got, (unsigned long long)expected);
  exit(1);
}
static void same(const char *what, uint64_t got, uint64_t expected) {
  if (got != expected) wrong(what, got, expected);
}

// ---- SHA-256 (FIPS 180-4)
static const uint32_t K[64] = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
  0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
  0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
  0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
  0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
  0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }
static void block(uint32_t h[8], const uint8_t *p) {
  uint32_t w[64], v[8];
  for (int k = 0; k < 16; k++) w[k] = (uint32_t)p[4 * k] << 24 | p[4 * k + 1] << 16 | p[4 * k + 2] << 8 | p[4 * k + 3];
  for (int k = 16; k < 64; k++) {
    uint32_t a = rotate(w[k - 15], 7) ^ rotate(w[k - 15], 18) ^ w[k - 15] >> 3;
    uint32_t b = rotate(w[k - 2], 17) ^ rotate(w[k - 2], 19) ^ w[k - 2] >> 10;
    w[k] = w[k - 16] + a + w[k - 7] + b;
  }
  memcpy(v, h, sizeof v);
  for (int k = 0; k < 64; k++) {
    uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
    uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + K[k] + w[k];
    uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
    uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    memmove(v + 1, v, 7 * sizeof v[0]);
    v[4] += t1, v[0] = t1 + t2;
  }
  for (int k = 0; k < 8; k++) h[k] += v[k];
}
enum { HASHED = 1 << 20 };
static void hashing(const char *digest) {
  static uint8_t data[HASHED + 64];
  uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  state = 1;
  for (int k = 0; k < HASHED; k++) data[k] = next();
  memset(data + HASHED, 0, 64);
  data[HASHED] = 0x80;
  uint64_t bits = (uint64_t)HASHED * 8;
  for (int k = 0; k < 8; k++) data[HASHED + 63 - k] = bits >> 8 * k;
  for (int k = 0; k < HASHED + 64; k += 64) block(h, data + k);
  char text[65];
  for (int k = 0; k < 8; k++) sprintf(text + 8 * k, "%08x", h[k]);
  if (strcmp(text, digest)) {
    printf("WRONG digest: %s\n", text);
    exit(1);
  }
}

// ---- code that is written, run, and written again: a0 = f(a0) by random instructions, evaluated beside
static void writing_code(void) {
  uint32_t *code = mmap(NULL, 16384, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code == MAP_FAILED) wrong("mmap", 0, 1);
  for (int program = 0; program < 400; program++) {
    uint32_t *at = code + next() % 2048;
    uint64_t seed = next(), value = seed;
    uint32_t *p = at;
    for (int k = 3 + next() % 40; k > 0; k--) {
      int64_t immediate = (int32_t)(next() << 20) >> 20;
      uint32_t field = (uint32_t)immediate << 20 | 10 << 15 | 10 << 7 | 0x13;
      switch (next() % 4) {
        case 0: *p++ = field, value += immediate; break;                                                   // addi
        case 1: *p++ = field | 4 << 12, value ^= immediate; break;                                         // xori
        case 2: *p++ = (field & 0xfffff) | 1 << 12 | 3 << 20, value <<= 3; break;                          // slli
        default: *p++ = (field & 0xfffff) | 5 << 12 | 0x40000000 | 5 << 20, value = (int64_t)value >> 5;   // srai
      }
    }
    *p = 0x8067; // ret
    __builtin___clear_cache((char *)at, (char *)(p + 1));
    uint64_t (*function)(uint64_t) = (uint64_t(*)(uint64_t))at;
    for (int k = 0; k < 60; k++) same("written code", function(seed), value);
  }
  munmap(code, 16384);
}

// ---- page faults: first touch, copy on write, protection, unmapped again
static sigjmp_buf escape;
static void on_fault(int number) { siglongjmp(escape, number); }
static void faulting(void) {
  enum { SIZE = 4 << 20, PAGE = 4096 };
  signal(SIGSEGV, on_fault);
  for (int round = 0; round < 4; round++) {
    volatile uint8_t *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) wrong("mmap", 0, 1);
    madvise((void *)p, SIZE, MADV_NOHUGEPAGE);
    for (int k = 0; k < SIZE; k += PAGE) p[k] = k >> 12;
    pid_t child = fork();
    uint64_t sum = 0;
    for (int k = 0; k < SIZE; k += PAGE) {
      if (child == 0) p[k] += 3;
      sum += p[k];
    }
    if (child == 0) _exit(sum % 251);
    uint64_t expected = 0, in_child = 0;
    for (int k = 0; k < SIZE / PAGE; k++) expected += (uint8_t)k, in_child += (uint8_t)(k + 3);
    int status = 0;
    waitpid(child, &status, 0);
    same("pages", sum, expected);
    same("pages of the child", WEXITSTATUS(status), in_child % 251);
    int caught = 0;
    for (int k = 0; k < SIZE; k += 64 * PAGE) {
      mprotect((void *)(p + k), PAGE, PROT_READ);
      if (sigsetjmp(escape, 1) == 0) {
        p[k] = 1;
        wrong("a protected page was written", k, 0);
      } else caught++;
    }
    same("faults", caught, SIZE / PAGE / 64);
    munmap((void *)p, SIZE);
    if (sigsetjmp(escape, 1) == 0) wrong("an unmapped page was read", p[0], 0);
  }
}

// ---- processes that talk
static void talking(void) {
  int there[2], back[2];
  if (pipe(there) || pipe(back)) wrong("pipe", 0, 1);
  pid_t child = fork();
  uint32_t word = 0;
  if (child == 0) {
    close(there[1]);
    while (read(there[0], &word, sizeof word) == sizeof word) {
      word = word * 2654435761u + 1;
      if (write(back[1], &word, sizeof word) != sizeof word) _exit(1);
    }
    _exit(7);
  }
  close(there[0]);
  for (int k = 0; k < 300; k++) {
    uint32_t sent = next();
    if (write(there[1], &sent, sizeof sent) != sizeof sent || read(back[0], &word, sizeof word) != sizeof word)
      wrong("pipe", k, 300);
    same("talk", word, sent * 2654435761u + 1);
  }
  close(there[1]), close(back[0]), close(back[1]);
  int status = 0;
  waitpid(child, &status, 0);
  same("talker", WEXITSTATUS(status), 7);
}
static void executing(void) {
  for (int k = 0; k < 8; k++) {
    pid_t child = vfork();
    if (child == 0) {
      execl("/usr/bin/busybox", "busybox", "test", "5", "-gt", k & 1 ? "4" : "6", (char *)NULL);
      _exit(99);
    }
    int status = 0;
    waitpid(child, &status, 0);
    same("exec", WEXITSTATUS(status), k & 1 ? 0 : 1);
  }
}


// ---- Debian's compiler: its object is the same each time, and the program that it makes prints what it must
static void run(char *const words[], int output) {
  pid_t child = vfork();
  if (child == 0) {
    if (output >= 0) dup2(output, 1);
    execv(words[0], words);
    _exit(99);
  }
  int status = -1;
  waitpid(child, &status, 0);
  same(words[0], status, 0);
}
static uint64_t digest_of_file(const char *path) {
  uint64_t hash = 0xcbf29ce484222325; // FNV-1a
  FILE *file = fopen(path, "r");
  if (file == NULL) wrong(path, 0, 1);
  for (int byte; (byte = getc(file)) != EOF;) hash = (hash ^ byte) * 0x100000001b3;
  fclose(file);
  return hash;
}
static void compiling(int round, int process, const char *printed) {
  static uint64_t known;
  char object[40], program[40], got[100] = "";
  sprintf(object, "/tmp/%d.o", process);
  sprintf(program, "/tmp/%d", process);
  run((char *[]){"/usr/bin/gcc", "-O2", "-frandom-seed=1", "-c", "/root/program.c", "-o", object, NULL}, -1);
  run((char *[]){"/usr/bin/gcc", object, "-o", program, NULL}, -1);
  if (round == 0) known = digest_of_file(object);
  same("object", digest_of_file(object), known);
  int pipes[2];
  if (pipe(pipes)) wrong("pipe", 0, 1);
  run((char *[]){program, NULL}, pipes[1]);
  close(pipes[1]);
  if (read(pipes[0], got, sizeof got - 1) < 0) wrong("pipe", 0, 2);
  close(pipes[0]);
  got[strcspn(got, "\n")] = 0;
  if (strcmp(got, printed)) {
    printf("WRONG program: it printed %s\n", got);
    exit(1);
  }
  unlink(object), unlink(program);
}

// ---- floating point: sums whose bits are known from the first round
static void calculating(int round) {
  static uint64_t known[2];
  double sum = 0, product = 1;
  for (int k = 1; k < 200000; k++) {
    sum += 1.0 / k / (k & 7 ? k : -k);
    product = product * 1.0000001 + 1e-9 * k;
  }
  uint64_t bits[2];
  memcpy(bits, &sum, 8), memcpy(bits + 1, &product, 8);
  if (round == 0) memcpy(known, bits, sizeof known);
  same("sum", bits[0], known[0]);
  same("product", bits[1], known[1]);
}

/** The VMM's memory may then grow by nothing that is the guest's. */
static void touch_free_memory(void) {
  struct sysinfo memory;
  sysinfo(&memory);
  size_t size = memory.freeram * memory.mem_unit / 10 * 9;
  char *all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) wrong("mmap", 0, 1);
  for (size_t at = 0; at < size; at += 4096) all[at] = 1;
  munmap(all, size);
}

int main(int count, char **words) {
  if (count < 4) return 2;
  setenv("PATH", "/usr/bin", 1);
  touch_free_memory();
  time_t end = time(NULL) + atol(words[1]);
  int round = 0;
  // two at once: with several harts they run beside each other
  pid_t other = fork();
  do {
    hashing(words[2]);
    state = 12345 + round * 77 + (other == 0);
    writing_code();
    faulting();
    talking();
    executing();
    compiling(round, other == 0, words[3]);
    calculating(round);
    round++;
    if (other) printf("round %d\n", round), fflush(stdout);
  } while (time(NULL) < end);
  if (other == 0) return 0;
  int status = -1;
  waitpid(other, &status, 0);
  same("the second process", status, 0);
  printf("soak done %d\n", round);
  return 0;
}
