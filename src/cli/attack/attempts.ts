// What somebody tries who has taken over a partition, and what tells which layer has stopped it. Nothing here says that a layer did:
// that is concluded from how the attempt ended (an error number, a signal, an illegal call) and from the layers that stand.
import type { Layer } from '../../kernel/abi.ts';

/** `core`: the kernel's own check of every call. `page-tables`: the processor holds the direction of shared memory. */
export type Stopper = Layer | 'core' | 'page-tables' | 'stream';

/** How an attempt ended: `SIGSYS`, `errno 1`, `ERR_ACCESS_DENIED`, `illegal-call`. */
export type Evidence = string;

export interface Attempt {
  readonly id: string;
  /** `prize`: the partition that is farthest from the attacker; `guests`: each other guest. */
  readonly aim: 'prize' | 'guests' | 'kernel' | 'host' | 'peer';
  /** What is tried; `*` stands for what it is aimed at. */
  readonly what: string;
  readonly stoppers: readonly (readonly [by: Stopper, evidence: Evidence])[];
}

const KILLED = 'SIGSYS';
const EPERM = 'errno 1';
const EACCES = 'errno 13';
const ENOSYS = 'errno 38';
const EBADF = 'errno 9';
const DENIED = 'ERR_ACCESS_DENIED';

/** Into another process, by a call that no partition has a reason for. */
const INTO_PROCESS: Attempt['stoppers'] = [
  ['seccomp', KILLED],
  ['landlock', EPERM],
  ['undumpable', EPERM],
  ['uid', EPERM],
];
const CORE: Attempt['stoppers'] = [['core', 'illegal-call']];

export const ATTEMPTS: readonly Attempt[] = [
  { id: 'read-memory', aim: 'prize', what: 'read the memory of * (process_vm_readv)', stoppers: INTO_PROCESS },
  {
    id: 'open-memory',
    aim: 'prize',
    what: 'open the memory of * as a file (/proc/PID/mem)',
    stoppers: [
      ['seccomp', EPERM],
      ['landlock', EACCES],
      ['undumpable', EACCES],
      ['uid', EACCES],
    ],
  },
  { id: 'trace', aim: 'prize', what: 'attach to * as its debugger (ptrace)', stoppers: INTO_PROCESS },
  { id: 'read-memory', aim: 'guests', what: "read the memory of the other guest's VMM, *", stoppers: INTO_PROCESS },
  {
    id: 'write-incoming',
    aim: 'host',
    what: 'make the pages writable that others write (mprotect)',
    stoppers: [['page-tables', EACCES]],
  },
  {
    id: 'map-again',
    aim: 'host',
    what: 'map a shared page once more (mmap)',
    stoppers: [
      ['seccomp', EPERM],
      ['page-tables', EBADF],
    ],
  },
  { id: 'forge-call', aim: 'prize', what: 'call * by a guessed handle', stoppers: CORE },
  { id: 'forge-stop', aim: 'prize', what: 'have the kernel stop * by a guessed handle', stoppers: CORE },
  { id: 'forge-audit', aim: 'prize', what: "read the kernel's counters of *", stoppers: CORE },
  { id: 'forge-mode', aim: 'kernel', what: 'switch the schedule of all', stoppers: CORE },
  { id: 'forge-operation', aim: 'kernel', what: 'make a call that the kernel does not have', stoppers: CORE },
  { id: 'read-memory', aim: 'kernel', what: 'read the memory of the kernel process', stoppers: INTO_PROCESS },
  {
    id: 'signal',
    aim: 'kernel',
    what: 'send a signal to the kernel process (kill)',
    stoppers: [
      ['seccomp', KILLED],
      ['landlock', EPERM],
      ['uid', EPERM],
    ],
  },
  {
    id: 'open',
    aim: 'host',
    what: 'read /etc/passwd of the host (openat)',
    stoppers: [
      ['seccomp', EPERM],
      ['landlock', EACCES],
    ],
  },
  {
    id: 'create',
    aim: 'host',
    what: 'leave a file on the host where everybody may write',
    stoppers: [
      ['seccomp', EPERM],
      ['landlock', EACCES],
    ],
  },
  {
    id: 'connect',
    aim: 'host',
    what: 'connect to a TCP port of the host (socket, connect)',
    stoppers: [
      ['seccomp', KILLED],
      ['landlock', EACCES],
    ],
  },
  { id: 'fork', aim: 'host', what: 'start a process (clone)', stoppers: [['seccomp', EPERM]] },
  {
    id: 'exec',
    aim: 'host',
    what: 'become another program (execve)',
    stoppers: [
      ['seccomp', KILLED],
      ['landlock', EACCES],
    ],
  },
  {
    id: 'io-uring',
    aim: 'host',
    what: 'have system calls made for it (io_uring)',
    stoppers: [
      ['no-io-uring', ENOSYS],
      ['seccomp', ENOSYS],
    ],
  },
  {
    id: 'js-open',
    aim: 'host',
    what: 'read /etc/passwd, in JavaScript (fs)',
    stoppers: [
      ['permission', DENIED],
      ['seccomp', 'EPERM'],
      ['landlock', 'EACCES'],
    ],
  },
  {
    id: 'js-connect',
    aim: 'host',
    what: 'connect to a TCP port, in JavaScript (net)',
    stoppers: [
      ['permission', DENIED],
      ['seccomp', KILLED],
      ['landlock', 'EACCES'],
    ],
  },
  {
    id: 'js-exec',
    aim: 'host',
    what: 'start a program, in JavaScript (child_process)',
    stoppers: [
      ['permission', DENIED],
      ['seccomp', 'EPERM'],
      ['landlock', 'EACCES'],
    ],
  },
  { id: 'js-ffi', aim: 'host', what: 'load native code, in JavaScript (ffi)', stoppers: [['no-ffi', DENIED]] },
  {
    id: 'js-thread',
    aim: 'host',
    what: 'start a further thread (worker_threads)',
    stoppers: [
      ['permission', DENIED],
      ['seccomp', 'ERR_WORKER_INIT_FAILED'],
    ],
  },
  {
    id: 'lie',
    aim: 'peer',
    what: 'break * by a count of bytes that cannot be (shared memory)',
    stoppers: [['stream', 'errno 0']],
  },
];

/** Those that stand and stop the attempt in the way that was seen. */
export function stoppedBy(attempt: Attempt, evidence: Evidence, layers: readonly string[]): Stopper[] {
  return attempt.stoppers
    .filter(([by, how]) => how === evidence && (isNoLayer(by) || layers.includes(by)))
    .map(([by]) => by);
}
const isNoLayer = (by: Stopper): boolean => by === 'core' || by === 'page-tables' || by === 'stream';

const ERRORS: Readonly<Record<number, string>> = { 1: 'EPERM', 9: 'EBADF', 13: 'EACCES', 38: 'ENOSYS' };

/** The evidence in the words of a person who knows Linux. */
export function evidenceText(evidence: Evidence): string {
  if (evidence === 'SIGSYS') return 'killed (SIGSYS)';
  if (evidence === 'illegal-call') return 'an illegal call: the partition was ended';
  if (evidence === 'errno 0') return 'the reader took the stream for ended';
  const number = /^errno (\d+)$/.exec(evidence)?.[1];
  return number === undefined ? evidence : (ERRORS[Number(number)] ?? evidence);
}
