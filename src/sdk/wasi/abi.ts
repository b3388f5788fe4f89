// Numbers of WASI preview 1 (WebAssembly/WASI, snapshot_preview1, witx): those that the host has use for.

export const ERRNO = {
  success: 0,
  access: 2,
  again: 6,
  badf: 8,
  busy: 10,
  connreset: 15,
  exist: 20,
  fault: 21,
  inval: 28,
  io: 29,
  isdir: 31,
  msgsize: 35,
  noent: 44,
  nosys: 52,
  notdir: 54,
  notsup: 58,
  perm: 63,
  pipe: 64,
  rofs: 69,
  spipe: 70,
  timedout: 73,
  notcapable: 76,
} as const;
export type Errno = (typeof ERRNO)[keyof typeof ERRNO];

/** An operation that does not succeed: a value, because a guest's mistakes are no faults of the host. */
export class WasiError extends Error {
  readonly errno: Errno;
  constructor(errno: Errno) {
    super(`WASI errno ${errno}`);
    this.errno = errno;
  }
}

export const FILETYPE = {
  unknown: 0,
  characterDevice: 2,
  directory: 3,
  regularFile: 4,
  socketDgram: 5,
  socketStream: 6,
} as const;
export type Filetype = (typeof FILETYPE)[keyof typeof FILETYPE];

export const CLOCK = { realtime: 0, monotonic: 1, processCpu: 2, threadCpu: 3 } as const;
export const FDFLAGS_APPEND = 1;
export const FDFLAGS_NONBLOCK = 4;
export const OFLAGS_CREATE = 1;
export const OFLAGS_DIRECTORY = 2;
export const OFLAGS_EXCLUSIVE = 4;
export const OFLAGS_TRUNCATE = 8;
export const WHENCE = { set: 0, current: 1, end: 2 } as const;
export const EVENTTYPE = { clock: 0, fdRead: 1, fdWrite: 2 } as const;
export const SUBCLOCKFLAGS_ABSTIME = 1;
export const EVENT_HANGUP = 1;
/** Every right: what a descriptor allows is decided by what is behind it, not by these. */
export const ALL_RIGHTS = 0x1fffffffn;

/** fd_seek and fd_tell. */
export const SEEK_RIGHTS = 0x24n;

/** Bytes of the structures that go through memory. */
export const SIZE = {
  iovec: 8,
  fdstat: 24,
  filestat: 64,
  prestat: 8,
  dirent: 24,
  subscription: 48,
  event: 32,
} as const;
