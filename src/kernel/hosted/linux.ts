// The Linux system calls that the kernel and the partitions need, through node:ffi and libc's syscall().
// No libc wrapper is used: none keeps state that a jail could upset, and the numbers are all that differs between machines.
// Every call returns its result or -errno. Addresses are bigint; nothing on the futex path allocates.
import type * as Ffi from 'node:ffi';
import { createRequire } from 'node:module';

/** Numbers of a call; -1: the machine has no such call. From 424 on they are the same everywhere. */
export type CallNumbers = readonly [x64: number, arm64: number];

/**
 * Those of the calls that the kernel and the SDK make (arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h). What
 * else filters and tests speak of is call-numbers.ts, which the kernel process does not load.
 */
const NUMBERS = {
  write: [1, 64],
  close: [3, 57],
  mmap: [9, 222],
  capset: [126, 91],
  rt_sigaction: [13, 134],
  sched_yield: [24, 124],
  fcntl: [72, 25],
  ftruncate: [77, 46],
  getppid: [110, 173],
  sched_setscheduler: [144, 119],
  prctl: [157, 167],
  prlimit64: [302, 261],
  futex: [202, 98],
  sched_setaffinity: [203, 122],
  exit_group: [231, 94],
  fallocate: [285, 47],
  pipe2: [293, 59],
  seccomp: [317, 277],
  memfd_create: [319, 279],
  pidfd_send_signal: [424, 424],
  io_uring_setup: [425, 425],
  pidfd_open: [434, 434],
  close_range: [436, 436],
  landlock_create_ruleset: [444, 444],
  landlock_add_rule: [445, 445],
  landlock_restrict_self: [446, 446],
  futex_waitv: [449, 449],
} as const satisfies Record<string, CallNumbers>;
export type CallName = keyof typeof NUMBERS;

/** The number of a call on this machine; undefined: this machine has no such call. */
export function callNumber(call: CallName | CallNumbers): number | undefined {
  const number = (typeof call === 'string' ? NUMBERS[call] : call)[process.arch === 'x64' ? 0 : 1];
  return number < 0 ? undefined : number;
}

/** AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64 (linux/audit.h): what a seccomp filter compares first. */
export const AUDIT_ARCH = process.arch === 'arm64' ? 0xc00000b7 : 0xc000003e;

export const EPERM = 1;
export const EAGAIN = 11;
export const EINVAL = 22;

/** A failed system call of a set-up path. */
export class SystemCallError extends Error {
  readonly errno: number;
  constructor(call: CallName, errno: number) {
    super(`${call}: errno ${errno}`);
    this.errno = errno;
  }
}

/** Why node:ffi cannot be used here; undefined: it can. VIRTSEC_NO_FFI=1 forces the answer, for tests. */
export function whyNoFfi(): string | undefined {
  if (process.env['VIRTSEC_NO_FFI'] === '1') return 'switched off by VIRTSEC_NO_FFI';
  if (process.platform !== 'linux') return `the host is ${process.platform}, not Linux`;
  if (process.arch !== 'x64' && process.arch !== 'arm64') return `no system call numbers for ${process.arch}`;
  return ffi() === undefined ? `this Node (${process.version}) has no node:ffi` : undefined;
}

let loaded: typeof Ffi | undefined;
function ffi(): typeof Ffi | undefined {
  // Not a static import: on another host the kernel must still load, and then uses pipes.
  if (loaded === undefined && (process.permission === undefined || process.permission.has('ffi'))) {
    try {
      loaded = createRequire(import.meta.url)('node:ffi') as typeof Ffi;
    } catch {
      return undefined;
    }
  }
  return loaded;
}

/**
 * Handles on `syscall`. They belong to the thread that made them and go on working after that thread has dropped its ffi
 * right. One symbol, several signatures: int32 arguments cost half of what int64 (BigInt) ones do.
 */
function openHandles() {
  const f = ffi();
  if (f === undefined) throw new Error('node:ffi is not available');
  const any = f.dlopen(null, {
    syscall: { arguments: ['int64', 'int64', 'int64', 'int64', 'int64', 'int64', 'int64'], return: 'int64' },
    __errno_location: { arguments: [], return: 'pointer' },
  });
  const wait = f.dlopen(null, {
    syscall: { arguments: ['int32', 'pointer', 'int32', 'int32', 'pointer', 'int32', 'int32'], return: 'int32' },
  });
  const io = f.dlopen(null, { syscall: { arguments: ['int32', 'int32', 'pointer', 'int32'], return: 'int32' } });
  return {
    raw: any.functions.syscall,
    wait: wait.functions.syscall,
    io: io.functions.syscall,
    // A live view of this thread's errno.
    errno: new Int32Array(f.toArrayBuffer(any.functions.__errno_location(), 4, false)),
  };
}
let handles: ReturnType<typeof openHandles> | undefined;
const thread = () => (handles ??= openHandles());

/** Takes the handles of this thread; must come before the thread drops its ffi right. */
export function openThread(): void {
  thread();
}

type Argument = number | bigint;
/** Any system call. The result, or -errno. */
export function systemCall(call: CallName | CallNumbers, ...args: Argument[]): number {
  const number = callNumber(call);
  if (number === undefined) return -38; // ENOSYS
  const t = thread();
  const a = (i: number) => BigInt(args[i] ?? 0);
  const result = Number(t.raw(BigInt(number), a(0), a(1), a(2), a(3), a(4), a(5)));
  return result === -1 ? -t.errno[0] : result;
}

/** As systemCall, but throws SystemCallError. */
export function must(name: CallName, ...args: Argument[]): number {
  const result = systemCall(name, ...args);
  if (result < 0) throw new SystemCallError(name, -result);
  return result;
}

/** Address of the bytes of a view; valid while the view is. */
export function addressOf(view: NodeJS.ArrayBufferView): bigint {
  const f = ffi();
  if (f === undefined) throw new Error('node:ffi is not available');
  return f.getRawPointer(view);
}

/** This thread's view of memory that is mapped in this process. */
export function memoryAt(address: bigint, bytes: number): ArrayBuffer {
  const f = ffi();
  if (f === undefined) throw new Error('node:ffi is not available');
  return f.toArrayBuffer(address, bytes, false);
}

// ---- memory
/** Seals of memfds (fcntl F_ADD_SEALS). Only FUTURE_WRITE keeps a reader from writing: a read-only descriptor re-opens read-write. */
export const SEAL = { seal: 1, shrink: 2, grow: 4, futureWrite: 16 };
const F_ADD_SEALS = 1033;

/** A new memfd of a fixed size, zeroed, close-on-exec. */
export function createMemory(name: string, bytes: number): number {
  const text = Buffer.from(`${name}\0`);
  const CLOEXEC = 1;
  const ALLOW_SEALING = 2;
  const NOEXEC_SEAL = 8; // Linux 6.3
  let fd = systemCall('memfd_create', addressOf(text), CLOEXEC | ALLOW_SEALING | NOEXEC_SEAL);
  if (fd === -EINVAL) fd = must('memfd_create', addressOf(text), CLOEXEC | ALLOW_SEALING);
  if (fd < 0) throw new SystemCallError('memfd_create', -fd);
  must('ftruncate', fd, bytes);
  must('fcntl', fd, F_ADD_SEALS, SEAL.shrink | SEAL.grow);
  return fd;
}

export function addSeals(fd: number, seals: number): void {
  must('fcntl', fd, F_ADD_SEALS, seals);
}

/** Maps `fd` shared; the address. `over`: in place of what is mapped at that address. */
export function mapMemory(fd: number, bytes: number, access: 'read' | 'write', over = 0n): bigint {
  const t = thread();
  const PROT_READ = 1;
  const PROT_WRITE = 2;
  const MAP_SHARED = 1n;
  const MAP_FIXED = 16n;
  const prot = BigInt(access === 'write' ? PROT_READ | PROT_WRITE : PROT_READ);
  const flags = over === 0n ? MAP_SHARED : MAP_SHARED | MAP_FIXED;
  const at = t.raw(BigInt(callNumber('mmap')!), over, BigInt(bytes), prot, flags, BigInt(fd), 0n);
  if (at === -1n) throw new SystemCallError('mmap', t.errno[0]);
  return at;
}

/** Zeroes a part of a memfd: every mapping sees it. */
export function wipeMemory(fd: number, from: number, bytes: number): void {
  const PUNCH_HOLE_KEEP_SIZE = 3;
  must('fallocate', fd, PUNCH_HOLE_KEEP_SIZE, from, bytes);
}

export function closeDescriptor(fd: number): void {
  systemCall('close', fd);
}

/** [read end, write end], close-on-exec. */
export function createPipe(): [number, number] {
  const ends = new Int32Array(2);
  const O_CLOEXEC = 0o2000000;
  must('pipe2', addressOf(ends), O_CLOEXEC);
  return [ends[0], ends[1]];
}

/** O_NONBLOCK on a descriptor's own open file description. A pipe's two ends have one each. */
export function setNonBlocking(fd: number): void {
  const F_GETFL = 3;
  const F_SETFL = 4;
  const O_NONBLOCK = 0o4000;
  must('fcntl', fd, F_SETFL, must('fcntl', fd, F_GETFL) | O_NONBLOCK);
}

/** Writes one byte; -EAGAIN when the pipe is full. Does not allocate. */
export function writeByte(fd: number, address: bigint): number {
  const t = thread();
  const result = t.io(WRITE, fd, address, 1);
  return result === -1 ? -t.errno[0] : result;
}

// ---- futexes (futex(2)); without FUTEX_PRIVATE_FLAG, because the words are shared between processes
const FUTEX = callNumber('futex') ?? 0;
const FUTEX_WAITV = callNumber('futex_waitv') ?? 0;
const WRITE = callNumber('write') ?? 0;
const SCHED_YIELD = callNumber('sched_yield') ?? 0;
const PIDFD_SEND_SIGNAL = callNumber('pidfd_send_signal') ?? 0;
const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const CLOCK_MONOTONIC = 1;

/** Sleeps while the word at `address` has `value`. 0, or -EAGAIN (it has not), -EINTR. */
export function futexWait(address: bigint, value: number): number {
  const t = thread();
  const result = t.wait(FUTEX, address, FUTEX_WAIT, value, 0n, 0, 0);
  return result === -1 ? -t.errno[0] : result;
}

/** Wakes up to `count` sleepers; how many were. */
export function futexWake(address: bigint, count: number): number {
  return thread().wait(FUTEX, address, FUTEX_WAKE, count, 0n, 0, 0);
}

/** Lets others run on this processor that are ready to. Does not allocate. */
export function yieldProcessor(): void {
  thread().io(SCHED_YIELD, 0, 0n, 0);
}

/** FUTEX_WAITV_MAX */
export const MAX_WAIT_WORDS = 128;

/** Waits on several words at once (futex_waitv, Linux 5.16), with a deadline. */
export class FutexSet {
  readonly #count: number;
  /** struct futex_waitv { u64 val; u64 uaddr; u32 flags; u32 reserved }: 6 words each */
  readonly #table: Int32Array;
  readonly #tableAddress: bigint;
  /** struct timespec as words: seconds (two), nanoseconds (two) */
  readonly #deadline = new Int32Array(4);
  readonly #deadlineAddress: bigint;

  constructor(addresses: readonly bigint[]) {
    if (addresses.length > MAX_WAIT_WORDS) throw new RangeError(`at most ${MAX_WAIT_WORDS} words`);
    const FUTEX2_SIZE_U32 = 2;
    this.#count = addresses.length;
    this.#table = new Int32Array(this.#count * 6);
    this.#tableAddress = addressOf(this.#table);
    this.#deadlineAddress = addressOf(this.#deadline);
    addresses.forEach((address, i) => {
      this.point(i, address);
      this.#table[i * 6 + 4] = FUTEX2_SIZE_U32;
    });
  }

  /** Lets place `i` watch another word. */
  point(i: number, address: bigint): void {
    this.#table[i * 6 + 2] = Number(address & 0xffffffffn) | 0;
    this.#table[i * 6 + 3] = Number(address >> 32n) | 0;
  }

  /** Place `i` sleeps only while its word has `value`. */
  expect(i: number, value: number): void {
    this.#table[i * 6] = value;
  }

  /** `deadline`: CLOCK_MONOTONIC in milliseconds, or 0 for none. The place woken, or -EAGAIN, -ETIMEDOUT, -EINTR. */
  wait(deadline: number): number {
    const t = thread();
    if (deadline > 0) {
      const seconds = Math.floor(deadline / 1000);
      this.#deadline[0] = seconds;
      this.#deadline[2] = Math.floor((deadline - seconds * 1000) * 1e6);
    }
    const until = deadline > 0 ? this.#deadlineAddress : 0n;
    const result = t.wait(FUTEX_WAITV, this.#tableAddress, this.#count, 0, until, CLOCK_MONOTONIC, 0);
    return result === -1 ? -t.errno[0] : result;
  }
}

// ---- processes
export const SIGKILL = 9;
export const SIGCHLD = 17;
export const SIGCONT = 18;
export const SIGSTOP = 19;

/** prctl options (linux/prctl.h) */
export const PR = {
  setPdeathsig: 1,
  setDumpable: 4,
  setNoNewPrivs: 38,
  setTimerSlack: 29,
};

/** A signal to whom a pidfd names. Does not allocate. */
export function sendSignal(pidfd: bigint, signal: number): void {
  thread().wait(PIDFD_SEND_SIGNAL, pidfd, signal, 0, 0n, 0, 0);
}

/** This process dies when the thread that started it does. False: it has died already (the parent is not `parent`). */
export function dieWithParent(parent: number): boolean {
  must('prctl', PR.setPdeathsig, SIGKILL);
  return systemCall('getppid') === parent;
}

/** This thread may do nothing more than any other of its user, even as root (capset(2)). */
export function dropCapabilities(): void {
  const VERSION_3 = 0x20080522;
  must('capset', addressOf(Uint32Array.of(VERSION_3, 0)), addressOf(new Uint32Array(6)));
}

/** Every descriptor from `first` on closes in programs that this process starts. */
export function closeOnExecFrom(first: number): void {
  const CLOSE_RANGE_CLOEXEC = 4;
  systemCall('close_range', first, 0xffffffff, CLOSE_RANGE_CLOEXEC);
}

/** Ends the process at once: no exit handler of Node runs (they ask for calls that a jail refuses). */
export function exitProcess(status: number): never {
  systemCall('exit_group', status);
  throw new Error('exit_group returned');
}
