// What the kernel does for programs: system calls, processes, pipes, signals, page faults, files.
#define _GNU_SOURCE
#include "bench.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t system_call(void) {
  uint64_t sum = 0;
  for (int k = 0; k < 100000; k++) sum += syscall(SYS_getppid) != 0;
  return sum;
}

static uint64_t wait_for(pid_t child) {
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) abort();
  return WEXITSTATUS(status);
}
static uint64_t forks(void) {
  uint64_t sum = 0;
  for (int k = 0; k < 60; k++) {
    pid_t child = fork();
    if (child == 0) _exit(k & 63);
    sum += wait_for(child);
  }
  return sum;
}
static uint64_t programs(void) {
  volatile uint64_t sum = 0; // vfork returns twice
  for (int k = 0; k < 30; k++) {
    pid_t child = vfork();
    if (child == 0) {
      execl("/bin/busybox", "expr", "length", "abcde", (char *)NULL);
      _exit(99);
    }
    sum += wait_for(child);
  }
  return sum;
}

static uint64_t pipes(void) {
  int there[2], back[2];
  if (pipe(there) || pipe(back)) abort();
  pid_t child = fork();
  uint8_t byte = 0;
  if (child == 0) {
    close(there[1]);
    while (read(there[0], &byte, 1) == 1) {
      byte += 3;
      if (write(back[1], &byte, 1) != 1) _exit(1);
    }
    _exit(5);
  }
  close(there[0]);
  uint64_t sum = 0;
  for (int k = 0; k < 2000; k++) {
    if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) abort();
    sum += byte;
  }
  close(there[1]), close(back[0]), close(back[1]);
  return sum + wait_for(child);
}

static volatile sig_atomic_t signals_seen;
static void on_signal(int number) { signals_seen += number; }
static uint64_t signals(void) {
  signals_seen = 0;
  signal(SIGUSR1, on_signal);
  for (int k = 0; k < 4000; k++) raise(SIGUSR1);
  return signals_seen;
}

static uint64_t page_faults(void) {
  enum { SIZE = 8 << 20 };
  uint64_t sum = 0;
  for (int round = 0; round < 3; round++) {
    volatile uint8_t *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) abort();
    madvise((void *)p, SIZE, MADV_NOHUGEPAGE);
    for (int k = 0; k < SIZE; k += 4096) p[k] = k >> 12;
    for (int k = 0; k < SIZE; k += 4096) sum += p[k];
    munmap((void *)p, SIZE);
  }
  return sum;
}

static uint64_t files(void) {
  static uint8_t buffer[16384];
  int file = open("/bin/busybox", O_RDONLY);
  if (file < 0) abort();
  uint64_t sum = 0;
  for (int round = 0; round < 12; round++) {
    ssize_t count;
    lseek(file, 0, SEEK_SET);
    while ((count = read(file, buffer, sizeof buffer)) > 0) sum += buffer[count / 2] + count;
  }
  close(file);
  return sum;
}

const struct kernel system_kernels[] = {
  {"system-call", system_call}, {"forks", forks},     {"programs", programs},
  {"pipes", pipes},             {"signals", signals}, {"page-faults", page_faults},
  {"files", files},             {NULL, NULL},
};
