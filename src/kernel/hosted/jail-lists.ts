// What a partition's filter lets through, as data; the partition installs it itself (src/sdk/hosted/seal.ts).
//
// Three classes. Allowed: what Node and V8 were seen to call once all threads run, and harmless calls that they make once
// in a hundred runs (a filter that kills on those kills a healthy guest in the third night). Deadly: calls for which no
// partition ever has a reason; they kill it. All the rest is refused with EPERM, which Node and V8 bear.
import { allowing } from './filter-rules.ts';
import type { CallRule } from './filter-rules.ts';
import { ACTION, assemble } from './seccomp.ts';
import type { Instruction } from './seccomp.ts';
import { numberOf } from './call-numbers.ts';
import type { FilteredCall } from './call-numbers.ts';

const FUTEX_COMMANDS = [0, 1, 9, 10]; // WAIT, WAKE, WAIT_BITSET, WAKE_BITSET: no requeue, no priority inheritance
const FUTEX_COMMAND_MASK = 0x7f; // without PRIVATE and CLOCK_REALTIME
const MAP_ANONYMOUS = 0x20;
const PR_SET_NAME = 15;
const PR_SET_VMA = 0x53564d41;
const F_GETFL = 3;
const TCGETS = 0x5401;
const TIOCGWINSZ = 0x5413;

const EVERYWHERE: readonly CallRule[] = [
  { call: 'futex', tests: [{ argument: 1, isOneOf: FUTEX_COMMANDS, mask: FUTEX_COMMAND_MASK }] },
  { call: 'epoll_pwait' },
  { call: 'read' },
  { call: 'write' },
  { call: 'mprotect' },
  { call: 'madvise' },
  // No descriptor is ever mapped again: a partition's memory is what it had when it was sealed, and anonymous memory.
  { call: 'mmap', tests: [{ argument: 3, hasBits: MAP_ANONYMOUS }] },
  { call: 'munmap' },
  { call: 'mremap' },
  { call: 'brk' },
  { call: 'rt_sigreturn' }, // WebAssembly traps
  { call: 'rt_sigprocmask' },
  { call: 'rt_sigaction' },
  { call: 'sigaltstack' },
  { call: 'epoll_wait' },
  { call: 'epoll_ctl' },
  { call: 'poll' },
  { call: 'close' },
  { call: 'getrandom' },
  { call: 'exit' },
  { call: 'exit_group' },
  { call: 'restart_syscall' },
  { call: 'clock_gettime' },
  { call: 'gettimeofday' },
  { call: 'clock_nanosleep' },
  { call: 'nanosleep' },
  { call: 'sched_yield' },
  { call: 'getpid' },
  { call: 'gettid' },
  { call: 'getppid' },
  { call: 'getcpu' },
  { call: 'getrusage' },
  { call: 'sysinfo' },
  { call: 'uname' },
  { call: 'sched_getparam' },
  { call: 'sched_getscheduler' },
  { call: 'sched_getaffinity' },
  { call: 'membarrier' },
  { call: 'rseq' },
  { call: 'set_robust_list' },
  { call: 'pkey_mprotect' },
  { call: 'fstat' },
  { call: 'lseek' },
  { call: 'pread64' },
  { call: 'readv' },
  { call: 'writev' },
  { call: 'fcntl', tests: [{ argument: 1, isOneOf: [F_GETFL] }] },
  { call: 'prctl', tests: [{ argument: 0, isOneOf: [PR_SET_NAME, PR_SET_VMA] }] },
];

/** What a kind of partition may call beyond that. */
const BEYOND: Readonly<Record<JailKind, readonly CallRule[]>> = {
  app: [{ call: 'pwrite64' }],
  vmm: [],
  // The window's size may be asked for. No TIOCSTI: it would type into the user's shell.
  driver: [
    { call: 'ioctl', tests: [{ argument: 1, isOneOf: [TCGETS, TIOCGWINSZ] }] },
    { call: 'pwrite64' },
    { call: 'fdatasync' },
  ],
};

const DEADLY: readonly FilteredCall[] = [
  'execve',
  'execveat',
  'fork',
  'vfork',
  'ptrace',
  'process_vm_readv',
  'process_vm_writev',
  'pidfd_open',
  'pidfd_getfd',
  'pidfd_send_signal',
  'kill',
  'tkill',
  'socket',
  'socketpair',
  'connect',
  'bpf',
  'mount',
  'unshare',
  'setns',
  'io_uring_enter',
  'io_uring_register',
  'userfaultfd',
  'perf_event_open',
  'keyctl',
  'init_module',
  'finit_module',
  'memfd_create',
];

export type JailKind = 'app' | 'driver' | 'vmm';

/** The filter of a partition. No thread can be started under it: all of them must run before. */
export function partitionFilter(kind: JailKind): Instruction[] {
  return assemble(
    allowing([...EVERYWHERE, ...BEYOND[kind]]),
    [
      { number: numberOf('io_uring_setup'), action: ACTION.enosys },
      { number: numberOf('clone3'), action: ACTION.enosys }, // glibc then tries clone, which is refused with EPERM
      ...DEADLY.map((call) => ({ number: numberOf(call), action: ACTION.killProcess })),
    ],
    ACTION.eperm,
  );
}
