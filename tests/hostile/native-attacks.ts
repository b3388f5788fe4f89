// What a partition tries once V8 is broken: system calls of x86-64 (arch/x86/entry/syscalls/syscall_64.tbl). Each has a title; what it gets
// in the whole jail; and its control: the layers without which the same call gets through to the host, in the same partition.
import { LAYERS } from '../../src/kernel/abi.ts';
import type { Layer } from '../../src/kernel/abi.ts';
import type { Native } from './native.ts';

export interface NativeAttack {
  readonly title: string;
  readonly act: (native: Native) => number;
  /** In the whole jail: -errno, or the end of the partition by SIGSYS. */
  readonly expected: number | 'SIGSYS';
  /** With these layers off it succeeds. */
  readonly control: readonly Layer[];
  /** Errors by which the host's kernel itself shows that it has looked at the call; success is 0 or more. */
  readonly reached: readonly number[];
  /** From one place only: another one at the same time would be refused by the host. */
  readonly once?: true;
  /** Root alone may do this; without root the host refuses it too, and there is no control. */
  readonly needsRoot: boolean;
}

const EPERM = -1;
const ENOENT = -2;
const EBADF = -9;
const EFAULT = -14;
const ENODEV = -19;
const EINVAL = -22;
const EOVERFLOW = -75;
const ENOSYS = -38;
const ENOEXEC = -8;
const E2BIG = -7;

/** The filter alone stops it. */
const FILTER: readonly Layer[] = ['seccomp'];
/** Each of the two filters stops it. */
const ANY_FILTER: readonly Layer[] = ['seccomp', 'no-io-uring'];
/** The filter, and Landlock too. */
const FILES: readonly Layer[] = ['seccomp', 'landlock'];
const AT_FDCWD = -100;
const NOWHERE = '/nonexistent/virtsec';

type Act = NativeAttack['act'];
type More = Partial<Pick<NativeAttack, 'control' | 'reached' | 'needsRoot'>>;
const refused = (title: string, act: Act, more: More = {}): NativeAttack => ({
  title,
  act,
  expected: EPERM,
  control: FILTER,
  reached: [],
  needsRoot: false,
  ...more,
});
const deadly = (title: string, act: Act, more: More = {}): NativeAttack => ({
  ...refused(title, act, more),
  expected: 'SIGSYS',
});
const host = { control: LAYERS, needsRoot: true } as const;
const reached = (...errors: number[]): More => ({ reached: errors });

const open = (n: Native, path: string, flags: number): number => n.call(257, AT_FDCWD, n.text(path), flags, 0o600);
const READ = 0;
const READ_WRITE = 2;
const CREATE = 0o102;

const FILES_AND_MEMORY: readonly NativeAttack[] = [
  refused('opens a file of the host', (n) => open(n, '/etc/passwd', READ), { control: FILES }),
  refused('makes a file of the host', (n) => make(n, `/tmp/virtsec-hostile-${n.self}`), { control: FILES }),
  refused("opens the kernel's memory", (n) => open(n, `/proc/${n.kernel}/mem`, READ_WRITE), host),
  refused("reads the kernel's environment", (n) => open(n, `/proc/${n.kernel}/environ`, READ), host),
  refused("opens the kernel's descriptors", (n) => open(n, `/proc/${n.kernel}/fd/1`, READ), host),
  refused(
    "opens another partition's memory",
    (n) => n.anyNeighbour((p) => open(n, `/proc/${p}/mem`, READ_WRITE)),
    host,
  ),
  refused('opens its own memory as a file', (n) => open(n, '/proc/self/mem', READ_WRITE), { control: LAYERS }),
  refused('opens a descriptor of its own again, with other rights', (n) => open(n, '/proc/self/fd/2', READ_WRITE), {
    control: LAYERS,
  }),
  refused('lists the processes of the host', (n) => open(n, '/proc', READ), { control: FILES }),
  refused('looks whether a file is there', (n) => n.call(262, AT_FDCWD, n.text('/etc/passwd'), n.zeros(256), 0)),
  refused('asks for a right to a file', (n) => n.call(269, AT_FDCWD, n.text('/etc/passwd'), 4)),
  refused('reads where a link leads', (n) => n.call(267, AT_FDCWD, n.text('/proc/self/exe'), n.zeros(256), 256)),
  refused('makes a folder', (n) => n.call(258, AT_FDCWD, n.text(NOWHERE), 0o700), reached(ENOENT)),
  refused('removes a file', (n) => n.call(263, AT_FDCWD, n.text(NOWHERE), 0), reached(ENOENT)),
  refused(
    'renames a file',
    (n) => n.call(316, AT_FDCWD, n.text(NOWHERE), AT_FDCWD, n.text(NOWHERE), 0),
    reached(ENOENT),
  ),
  refused('makes a link', (n) => n.call(266, n.text('/etc'), AT_FDCWD, n.text(NOWHERE)), reached(ENOENT)),
  refused('makes a device', (n) => n.call(259, AT_FDCWD, n.text(NOWHERE), 0o20600, 0x101), reached(ENOENT)),
  refused("changes a file's mode", (n) => n.call(268, AT_FDCWD, n.text(NOWHERE), 0o777), reached(ENOENT)),
  refused("changes a file's owner", (n) => n.call(260, AT_FDCWD, n.text(NOWHERE), 0, 0, 0), reached(ENOENT)),
  refused('cuts a file off', (n) => n.call(76, n.text(NOWHERE), 0), reached(ENOENT)),
  refused(
    'makes a handle of a file',
    (n) => n.call(303, AT_FDCWD, n.text('/etc'), n.zeros(64), n.zeros(8), 0),
    reached(EOVERFLOW),
  ),
  refused('opens a file by a handle', (n) => n.call(304, -1, n.zeros(64), 0), { ...host, reached: [EBADF, EINVAL] }),
  refused('changes its folder', (n) => n.call(80, n.text('/'))),
  refused('maps an open descriptor', (n) => n.call(9, 0, 4096, 3, 1, 0, 0), reached(ENODEV)),
  refused('locks memory', (n) => n.call(149, n.page, 4096)),
  refused('makes memory of System V', sharedMemory),
  refused('opens a queue of System V', (n) => n.call(68, 0x7eadbee, 0), reached(ENOENT)),
  refused('opens a semaphore of System V', (n) => n.call(64, 0x7eadbee, 1, 0), reached(ENOENT)),
  refused('opens a POSIX queue', (n) => n.call(240, n.text('virtsec-nowhere'), 0), reached(ENOENT)),
  refused('watches files (inotify)', (n) => n.call(294, 0)),
  refused('watches files (fanotify)', (n) => n.call(300, 0, 0), host),
  deadly('makes a memfd', (n) => n.call(319, n.text('x'), 0)),
  deadly('takes page faults over (userfaultfd)', (n) => n.call(323, 1), { control: FILTER }),
  deadly("reads the kernel's memory", (n) => otherMemory(n, 310, n.kernel), { ...host, reached: [EFAULT] }),
  deadly("writes another partition's memory", (n) => n.anyNeighbour((p) => otherMemory(n, 311, p)), {
    ...host,
    reached: [EFAULT],
  }),
  refused('advises on the memory of another', (n) => n.call(440, -1, n.longs(0, 0), 1, 4, 0), reached(EBADF)),
  refused("moves the kernel's pages", (n) => n.call(279, n.kernel, 0, 0, 0, 0, 0), host),
];

const PROCESSES: readonly NativeAttack[] = [
  deadly('forks', (n) => n.call(57)),
  refused('clones', (n) => n.call(56, 17, 0, 0, 0, 0)),
  { ...refused('clones by the newer call', (n) => n.call(435, n.zeros(88), 0), reached(EINVAL)), expected: ENOSYS },
  deadly('runs a program', (n) => n.call(59, n.text(NOWHERE), n.longs(0), n.longs(0)), reached(ENOENT)),
  deadly(
    'runs a program by a descriptor',
    (n) => n.call(322, AT_FDCWD, n.text(NOWHERE), n.longs(0), n.longs(0), 0),
    reached(ENOENT),
  ),
  deadly('signals the kernel', (n) => n.call(62, n.kernel, 0), host),
  deadly('signals another partition', (n) => n.anyNeighbour((p) => n.call(62, p, 0)), host),
  deadly('signals everybody', (n) => n.call(62, -1, 0), { control: LAYERS }),
  deadly("signals the kernel's thread", (n) => n.call(200, n.kernel, 0), host),
  refused("signals the kernel's thread, in its process", (n) => n.call(234, n.kernel, n.kernel, 0), host),
  refused('sends the kernel a signal with data', (n) => n.call(129, n.kernel, 0, n.words(0, 0, -1, 0)), host),
  deadly('signals through a pidfd', (n) => n.call(424, -1, 0, 0, 0), reached(EBADF)),
  deadly('opens a pidfd of the kernel', (n) => n.call(434, n.kernel, 0)),
  deadly('takes a descriptor of another process', (n) => n.call(438, -1, 0, 0), reached(EBADF)),
  refused('compares descriptors with the kernel', (n) => n.call(312, n.self, n.kernel, 0, 0, 0), host),
  refused("reads the kernel's limits", (n) => n.call(302, n.kernel, 7, 0, n.zeros(16)), host),
  refused("changes the kernel's priority", (n) => n.call(141, 0, n.kernel, 0), host),
  refused('takes real-time priority', (n) => n.call(144, 0, 1, n.words(1)), host),
  refused('leaves its processors', (n) => n.call(203, 0, 8, n.longs(3))),
  refused('changes its input priority', (n) => n.call(251, 1, 0, 0)),
  refused("becomes another's user", (n) => n.call(117, 0, 0, 0), host),
  refused('takes capabilities', (n) => n.call(126, n.words(0x20080522, 0), n.words(-1, -1, 0, -1, -1, 0)), {
    ...host,
    reached: [EPERM],
  }),
  refused('becomes dumpable', (n) => n.call(157, 4, 1)),
  refused('outlives its kernel', outlive),
  refused('adds a filter', (n) => n.call(317, 2, 0, n.words(0x7fff0000))),
  refused('leaves its session', (n) => n.call(112), reached(EPERM)),
  refused('changes its limits', (n) => n.call(302, 0, 7, 0, n.zeros(16))),
  refused('changes its personality', (n) => n.call(135, 0xffffffff)),
  refused('makes a timer', (n) => n.call(222, 1, 0, n.zeros(8))),
  refused('sets an alarm', (n) => n.call(38, 0, n.zeros(32), 0)),
  deadly('calls by the x32 numbers', (n) => n.call(0x40000000 + 39), { control: ANY_FILTER, reached: [ENOSYS] }),
];

const SYSTEM: readonly NativeAttack[] = [
  deadly('connects by TCP', connectTcp, { control: FILES }),
  deadly('opens a Unix socket', (n) => n.call(41, 1, 1, 0)),
  deadly('opens a pair of sockets', (n) => n.call(53, 1, 1, 0, n.zeros(8))),
  deadly('opens a raw socket', (n) => n.call(41, 17, 3, 0x300), host),
  deadly('talks to the host kernel (netlink)', (n) => n.call(41, 16, 3, 0)),
  {
    ...refused('makes an io_uring', (n) => n.call(425, 8, n.zeros(120)), { control: ANY_FILTER }),
    expected: ENOSYS,
  },
  deadly('submits to an io_uring', (n) => n.call(426, -1, 0, 0, 0, 0), reached(EBADF)),
  deadly('registers with an io_uring', (n) => n.call(427, -1, 0, 0, 0), reached(EBADF, EINVAL)),
  deadly('loads a program into the host kernel (bpf)', (n) => n.call(321, 0, n.zeros(128), 128), {
    ...host,
    reached: [EINVAL],
  }),
  deadly('counts events of the processor (perf)', (n) => n.call(298, n.zeros(128), 0, -1, -1, 0), {
    ...host,
    reached: [EINVAL, ENOENT, E2BIG],
  }),
  deadly('reads keys of the host', (n) => n.call(250, 0, -3, 0), reached(ENOENT)),
  refused('adds a key', (n) => n.call(248, n.text('user'), n.text('x'), n.text('x'), 1, -2)),
  refused(
    'asks for a key',
    (n) => n.call(249, n.text('user'), n.text('virtsec-nowhere'), 0, 0),
    reached(ENOENT, -126, -129, -128, -127),
  ),
  deadly('mounts', (n) => n.call(165, n.text('none'), n.text(NOWHERE), n.text('tmpfs'), 0, 0), reached(ENOENT, EPERM)),
  refused('unmounts', (n) => n.call(166, n.text(NOWHERE), 0), { ...host, reached: [ENOENT] }),
  refused('opens a file system', (n) => n.call(430, n.text('tmpfs'), 0), host),
  refused('takes a tree of files', (n) => n.call(428, AT_FDCWD, n.text(NOWHERE), 0), reached(ENOENT)),
  refused('changes its root', (n) => n.call(161, n.text(NOWHERE)), reached(ENOENT)),
  deadly('makes a name space of its own', (n) => n.call(272, 0x20000), host),
  deadly('enters another name space', (n) => n.call(308, -1, 0), reached(EBADF)),
  deadly('loads a module', (n) => n.call(175, n.zeros(16), 16, n.text('')), { ...host, reached: [ENOEXEC] }),
  refused('loads another kernel', (n) => n.call(246, 0, 1 << 20, 0, 0), { ...host, reached: [EINVAL] }),
  refused('restarts the host', (n) => n.call(169, 0, 0, 0, 0), { ...host, reached: [EINVAL] }),
  refused('names the host', (n) => n.call(170, 0, -1), { ...host, reached: [EINVAL] }),
  refused("sets the host's clock", (n) => n.call(227, 0, n.longs(0, -1)), reached(EINVAL)),
  refused("reads the host's log", (n) => n.call(103, 10, 0, 0), host),
  refused('takes swap away', (n) => n.call(168, n.text(NOWHERE)), { ...host, reached: [ENOENT] }),
];

const DESCRIPTORS: readonly NativeAttack[] = [
  refused('copies a descriptor', (n) => n.call(32, 2)),
  refused('copies a descriptor by fcntl', (n) => n.call(72, 2, 0, 10)),
  refused('makes a pipe', (n) => n.call(293, n.zeros(8), 0)),
  refused('makes an eventfd', (n) => n.call(290, 0, 0)),
  refused('makes a timerfd', (n) => n.call(283, 1, 0)),
  refused('makes a signalfd', (n) => n.call(289, -1, n.zeros(8), 8, 0)),
  refused('makes an epoll', (n) => n.call(291, 0)),
  refused("makes the kernel's pipe block", (n) => n.call(72, 2, 4, 0)),
  refused("changes the size of the kernel's pipe", (n) => n.call(72, 2, 1031, 65536)),
  refused('asks for signals of a descriptor', (n) => n.call(72, 2, 8, n.self)),
  refused('controls a device', (n) => n.call(16, 2, 0x541b, n.zeros(8))),
  refused('types into the terminal', (n) => n.call(16, 2, 0x5412, n.text('x')), reached(-25)),
  refused('gives the kernel a page of its own by a pipe', (n) => n.call(278, 2, n.longs(n.zeros(16), 1), 1, 0)),
  refused('moves bytes between descriptors', (n) => n.call(275, 2, 0, 2, 0, 1, 2), reached(EINVAL, EBADF)),
  refused('sends a file', (n) => n.call(40, 2, 2, 0, 1), reached(EINVAL, EBADF)),
  refused('moves sleepers of the kernel to another word', (n) => n.call(202, n.page, 3, 0, 1, n.page + 1024n)),
  refused('moves them after a look', (n) => n.call(202, n.page, 4, 0, 1, n.page + 1024n, 0), reached(-11)),
  refused('makes the kernel inherit a priority', (n) => n.call(202, n.page + 3000n, 6, 0, 0)),
  refused('wakes by an operation on a word', (n) => n.call(202, n.page, 5, 0, 0, n.page + 1024n, 0)),
  refused('sleeps on several words', (n) => n.call(449, n.zeros(24), 0, 0, 0, 0), reached(EINVAL)),
];

export const NATIVE_ATTACKS: readonly NativeAttack[] = [
  ...FILES_AND_MEMORY,
  ...PROCESSES,
  ...SYSTEM,
  ...DESCRIPTORS,
  // Last: who has seized the kernel must end at once, or the kernel waits for it at its next signal.
  { ...deadly('traces the kernel', (n) => n.call(101, 0x4206, n.kernel, 0, 0), host), once: true },
];

function make(n: Native, path: string): number {
  const descriptor = open(n, path, CREATE);
  if (descriptor >= 0) n.call(263, AT_FDCWD, n.text(path), 0);
  return descriptor;
}
function sharedMemory(n: Native): number {
  const id = n.call(29, 0, 4096, 0o1600);
  if (id >= 0) n.call(31, id, 0, 0);
  return id;
}
/** Eight bytes at an address where nothing is: EFAULT when it was allowed to look. */
function otherMemory(n: Native, call: number, pid: number): number {
  return n.call(call, pid, n.longs(n.zeros(8), 8), 1, n.longs(4096, 8), 1, 0);
}
function connectTcp(n: Native): number {
  const socket = n.call(41, 2, 1, 0);
  if (socket < 0) return socket;
  return n.call(42, socket, n.bytes([2, 0, n.port >> 8, n.port & 255, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), 16);
}
function outlive(n: Native): number {
  const result = n.call(157, 1, 0);
  if (result >= 0) n.call(157, 1, 9);
  return result;
}
