/*
 * Programs in C (C99 and later) for partitions of Virtsec on bare RISC-V. One file of the program defines VIRTSEC_MAIN before it
 * includes this, and a function `int virtsec_main(long restarts, long start_kind)`; what that returns is the partition's status.
 *
 *   riscv64-linux-gnu-gcc -march=rv64imac -mabi=lp64 -mcmodel=medany -O2 -ffreestanding -fpie -fno-stack-protector -nostdlib \
 *     -static-pie -Wl,-T,partition.ld,--no-dynamic-linker,--build-id=none -o hello.elf hello.c
 *
 * Operations and results are those of docs/design/core.md; waits are in ticks of 10 microseconds. Messages lie in the
 * partition's message page: what goes out from its first byte on, what came from byte 1,040 on.
 */
#ifndef VIRTSEC_H
#define VIRTSEC_H

#include <stddef.h>
#include <stdint.h>

/* Operations. */
enum {
  VS_NOTIFY = 2, VS_EXIT = 3, VS_SHUTDOWN = 5, VS_LOG = 6, VS_TIME = 7, VS_WAIT = 8, VS_SEND = 10, VS_RECEIVE = 11,
  VS_STATUS = 12, VS_WRITE = 13, VS_READ = 14, VS_SIGNAL = 15, VS_POLL = 16, VS_CALL = 17, VS_FETCH = 18, VS_REPLY = 19,
  VS_SET_MODE = 21, VS_START = 22, VS_STOP = 23, VS_RESTART = 24, VS_RAISE = 25, VS_FAULTS = 26, VS_BEAT = 27, VS_AUDIT = 28,
};
/* Results. */
enum {
  VS_OK = 0, VS_E_FULL = -6, VS_E_EMPTY = -7, VS_E_LIMIT = -8, VS_E_TIMEOUT = -10, VS_E_PEER = -12, VS_E_BUSY = -13,
  VS_E_LATE = -14,
};
enum { VS_FOREVER = 0x3fffffff, VS_MILLISECOND = 100, VS_MESSAGE_BYTES = 1024 };

/* The message page; partition.ld places it. */
extern volatile unsigned char virtsec_page[];
/* Names of the description with their numbers; an empty name is the last. */
struct virtsec_number {
  char name[60];
  int32_t number;
};
/* A stream's two sides: counts of bytes at 0 (put) and 64 (taken), and in the second half of each a ring. */
struct virtsec_stream {
  uint64_t own, other, own_bytes, other_bytes;
  int64_t end, receiving_end;
};
extern const struct virtsec_number *virtsec_numbers;
extern const struct virtsec_stream *virtsec_streams;
extern long virtsec_stream_count;

/* The kernel's one entry. */
static inline long virtsec_call(long operation, long a, long b, long c) {
  register long a7 __asm__("a7") = operation, a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
  return a0;
}
/* Result word 0 to 3 of the last operation: of a message its length (0), messages lost or its age (1), its validity (2). */
static inline int32_t virtsec_word(int index) { return ((volatile int32_t *)(virtsec_page + 1024))[index]; }

/* Handle of a channel, `mode:NAME`, `partition:NAME`; the number of a stream; -1: the description gives this partition none. */
static inline int32_t virtsec_port(const char *name) {
  for (const struct virtsec_number *one = virtsec_numbers; one->name[0] != 0; one++) {
    size_t i = 0;
    while (i < sizeof one->name && one->name[i] == name[i] && name[i] != 0) i++;
    if (i < sizeof one->name && one->name[i] == name[i]) return one->number;
  }
  return -1;
}
static inline void virtsec_put(const void *message, size_t bytes) {
  const unsigned char *from = (const unsigned char *)message;
  for (size_t i = 0; i < bytes && i < VS_MESSAGE_BYTES; i++) virtsec_page[i] = from[i];
}
/* The message that came; at most `room` bytes of it. Gives how many. */
static inline size_t virtsec_take(void *message, size_t room) {
  size_t bytes = (size_t)virtsec_word(0);
  if (bytes > room) bytes = room;
  for (size_t i = 0; i < bytes; i++) ((unsigned char *)message)[i] = virtsec_page[1040 + i];
  return bytes;
}
static inline long virtsec_send(int32_t port, const void *message, size_t bytes, long wait) {
  virtsec_put(message, bytes);
  return virtsec_call(VS_SEND, port, (long)bytes, wait);
}
static inline long virtsec_receive(int32_t port, long wait) { return virtsec_call(VS_RECEIVE, port, wait, 0); }
static inline long virtsec_write(int32_t port, const void *message, size_t bytes) {
  virtsec_put(message, bytes);
  return virtsec_call(VS_WRITE, port, (long)bytes, 0);
}
static inline long virtsec_read(int32_t port) { return virtsec_call(VS_READ, port, 0, 0); }
/* VS_OK: the reply is the message that came. */
static inline long virtsec_request(int32_t port, const void *message, size_t bytes) {
  virtsec_put(message, bytes);
  return virtsec_call(VS_CALL, port, (long)bytes, 0);
}
static inline long virtsec_fetch(int32_t port, long wait) { return virtsec_call(VS_FETCH, port, wait, 0); }
static inline long virtsec_reply(int32_t port, const void *message, size_t bytes) {
  virtsec_put(message, bytes);
  return virtsec_call(VS_REPLY, port, (long)bytes, 0);
}
/* A line for the system's log. */
static inline long virtsec_log(const char *text) {
  size_t bytes = 0;
  while (text[bytes] != 0) bytes++;
  virtsec_put(text, bytes);
  return virtsec_call(VS_LOG, (long)(bytes < VS_MESSAGE_BYTES ? bytes : VS_MESSAGE_BYTES), 0, 0);
}
/* Until anything comes: VS_OK, or VS_E_TIMEOUT. */
static inline long virtsec_wait(long ticks) { return virtsec_call(VS_WAIT, ticks, 0, 0); }
/* Ticks since the system started. */
static inline int64_t virtsec_time(void) {
  virtsec_call(VS_TIME, 0, 0, 0);
  return ((int64_t)virtsec_word(0) << 30) + virtsec_word(1);
}
/* So many ticks, whatever comes meanwhile. */
static inline void virtsec_sleep(long ticks) {
  int64_t end = virtsec_time() + ticks;
  for (int64_t left = ticks; left > 0; left = end - virtsec_time()) virtsec_wait(left < VS_FOREVER ? (long)left : VS_FOREVER);
}

/* Bytes that may be put into a stream now, and that may be got from it. */
static inline volatile uint32_t *virtsec_count(uint64_t side, unsigned at) { return (volatile uint32_t *)(side + at); }
static inline uint32_t virtsec_room(int32_t stream) {
  const struct virtsec_stream *s = &virtsec_streams[stream];
  uint32_t taken = *virtsec_count(s->other, 64), under_way = *virtsec_count(s->own, 0) - taken;
  if (under_way <= s->own_bytes) return (uint32_t)s->own_bytes - under_way;
  /* The other side has begun again: nothing of what was put before is for it. */
  *virtsec_count(s->own, 0) = taken;
  return (uint32_t)s->own_bytes;
}
static inline uint32_t virtsec_waiting(int32_t stream) {
  const struct virtsec_stream *s = &virtsec_streams[stream];
  uint32_t put = *virtsec_count(s->other, 0), waiting = put - *virtsec_count(s->own, 64);
  if (waiting <= s->other_bytes) return waiting;
  *virtsec_count(s->own, 64) = put;
  return 0;
}
/* Puts as much as there is room for, and wakes the other side. Gives how much. */
static inline uint32_t virtsec_stream_put(int32_t stream, const void *bytes, uint32_t length) {
  const struct virtsec_stream *s = &virtsec_streams[stream];
  uint32_t room = virtsec_room(stream), put = *virtsec_count(s->own, 0), mask = (uint32_t)s->own_bytes - 1;
  if (length > room) length = room;
  volatile unsigned char *ring = (volatile unsigned char *)(s->own + s->own_bytes);
  for (uint32_t i = 0; i < length; i++) ring[(put + i) & mask] = ((const unsigned char *)bytes)[i];
  __asm__ volatile("fence" ::: "memory");
  *virtsec_count(s->own, 0) = put + length;
  virtsec_call(VS_NOTIFY, s->end >= 0 ? s->end : s->receiving_end, 0, 0);
  return length;
}
static inline uint32_t virtsec_stream_get(int32_t stream, void *bytes, uint32_t room) {
  const struct virtsec_stream *s = &virtsec_streams[stream];
  uint32_t length = virtsec_waiting(stream), taken = *virtsec_count(s->own, 64), mask = (uint32_t)s->other_bytes - 1;
  if (length > room) length = room;
  volatile unsigned char *ring = (volatile unsigned char *)(s->other + s->other_bytes);
  for (uint32_t i = 0; i < length; i++) ((unsigned char *)bytes)[i] = ring[(taken + i) & mask];
  __asm__ volatile("fence" ::: "memory");
  *virtsec_count(s->own, 64) = taken + length;
  if (length > 0) virtsec_call(VS_NOTIFY, s->end >= 0 ? s->end : s->receiving_end, 0, 0);
  return length;
}

#ifdef VIRTSEC_MAIN
int virtsec_main(long restarts, long start_kind);
const struct virtsec_number *virtsec_numbers;
const struct virtsec_stream *virtsec_streams;
long virtsec_stream_count;
/* virtsec build has put its own start before this one: sp is set, a0 and a1 are the kernel's words, the rest is about names. */
__asm__(".section .text.start,\"ax\",@progbits\n.globl _start\n_start:\n"
        ".option push\n.option norelax\nlla gp, __global_pointer$\n.option pop\n"
        "call virtsec_begin\nli a7, 3\necall\n1: j 1b\n.text\n");
int virtsec_begin(long restarts, long start_kind, const struct virtsec_stream *streams, long count,
                  const struct virtsec_number *numbers) {
  virtsec_streams = streams;
  virtsec_stream_count = count;
  virtsec_numbers = numbers;
  return virtsec_main(restarts, start_kind);
}
#endif
#endif
