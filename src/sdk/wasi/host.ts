// WASI preview 1 over an application's channels (WebAssembly/WASI, snapshot_preview1). It is our own because node:wasi passes
// calls on to the host's files and clocks, which a sealed partition has not, and knows nothing that could wait for a channel.
//
// A call that has to wait gives a promise, and V8 suspends the program until it is settled (JavaScript Promise Integration):
// so a program that blocks is written as for any operating system, and costs nothing while it waits.
import type { Application, StoredFile } from '../app/application.ts';
import type { Patience } from '../app/kernel.ts';
import {
  ALL_RIGHTS,
  CLOCK,
  ERRNO,
  EVENTTYPE,
  EVENT_HANGUP,
  FDFLAGS_APPEND,
  FDFLAGS_NONBLOCK,
  OFLAGS_CREATE,
  OFLAGS_DIRECTORY,
  OFLAGS_EXCLUSIVE,
  OFLAGS_TRUNCATE,
  SEEK_RIGHTS,
  SIZE,
  SUBCLOCKFLAGS_ABSTIME,
  WHENCE,
  WasiError,
} from './abi.ts';
import { LogDescriptor, NO_INPUT, channelFolder, errnoOf, fileFolder } from './descriptors.ts';
import type { Descriptor } from './descriptors.ts';
import { ProgramMemory } from './memory.ts';
import { Memory } from './webassembly.ts';

/** Unwinds a program that has called proc_exit. */
export class ProgramExit extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`exit ${status}`);
    this.status = status;
  }
}

interface Open {
  readonly descriptor: Descriptor;
  flags: number;
  /** Of a file: where the next read or write begins. */
  position: number;
}

type Folder = Descriptor & { readonly entries: NonNullable<Descriptor['entries']> };
type Import = (...given: never[]) => number | void | Promise<number>;
const MAX_OPEN = 256;
const encoder = new TextEncoder();

/** Settings of a program in the description: `config: { args: [...], env: { NAME: ... } }`. */
interface Settings {
  readonly args?: readonly unknown[];
  readonly env?: Readonly<Record<string, unknown>>;
}

export class WasiHost {
  readonly #application: Application;
  readonly #open = new Map<number, Open>();
  readonly #args: readonly Uint8Array[];
  readonly #environment: readonly Uint8Array[];
  #memory = new ProgramMemory(new Memory({ initial: 0 }));

  constructor(application: Application) {
    this.#application = application;
    const { args = [], env = {} } = application.self.config as Settings;
    const text = (value: unknown): Uint8Array => encoder.encode(`${String(value).replaceAll('\0', '')}\0`);
    this.#args = [application.self.name, ...args].map(text);
    this.#environment = Object.entries(env).map(([name, value]) => text(`${name}=${String(value)}`));
    const folders = [channelFolder(application), fileFolder(application)];
    const first = [NO_INPUT, new LogDescriptor(application), new LogDescriptor(application), ...folders];
    first.forEach((descriptor, fd) => this.#open.set(fd, { descriptor, flags: 0, position: 0 }));
  }

  set memory(memory: Memory) {
    this.#memory = new ProgramMemory(memory);
  }

  /** What is open, for the module `virtsec`. */
  descriptor(fd: number): Descriptor {
    return this.#at(fd).descriptor;
  }

  /** Brings out what was written to the log without the end of its line. */
  async flush(): Promise<void> {
    for (const { descriptor } of this.#open.values()) if (descriptor instanceof LogDescriptor) await descriptor.flush();
  }

  // ---- descriptors

  #at(fd: number): Open {
    const open = this.#open.get(fd >>> 0);
    if (open === undefined) throw new WasiError(ERRNO.badf);
    return open;
  }
  #file(fd: number): { readonly open: Open; readonly file: StoredFile } {
    const open = this.#at(fd);
    const { file } = open.descriptor;
    if (file === undefined) throw new WasiError(ERRNO.spipe);
    return { open, file };
  }
  #folder(fd: number): Folder {
    const { descriptor } = this.#at(fd);
    if (descriptor.entries === undefined) throw new WasiError(ERRNO.notdir);
    return { ...descriptor, entries: descriptor.entries };
  }

  /** Without FDFLAGS_NONBLOCK: as long as it takes. */
  async #wait<T>(open: Open, attempt: () => Promise<T | undefined>): Promise<T> {
    const patience: Patience = (open.flags & FDFLAGS_NONBLOCK) === 0 ? {} : { within: 0 };
    const value = await this.#application.kernel.until(attempt, patience);
    if (value === undefined) throw new WasiError(ERRNO.again);
    return value;
  }

  async #read(fd: number, vectors: number, count: number): Promise<number> {
    const open = this.#at(fd);
    const { descriptor } = open;
    const room = this.#memory.vectors(vectors, count).reduce((sum, one) => sum + one.length, 0);
    if (descriptor.file !== undefined) {
      const bytes = descriptor.file.read(open.position, Math.min(room, descriptor.file.size));
      open.position += bytes.length;
      return this.#memory.scatter(vectors, count, bytes);
    }
    if (descriptor.peek === undefined) throw new WasiError(ERRNO.notsup);
    const bytes = await this.#wait(open, () => descriptor.peek!());
    if (descriptor.isMessage === true && bytes.length > room) throw new WasiError(ERRNO.msgsize);
    const done = this.#memory.scatter(vectors, count, bytes);
    descriptor.take?.(done);
    return done;
  }

  async #write(fd: number, vectors: number, count: number): Promise<number> {
    const open = this.#at(fd);
    const { descriptor } = open;
    const bytes = this.#memory.gather(vectors, count);
    if (descriptor.file !== undefined) {
      const at = (open.flags & FDFLAGS_APPEND) !== 0 ? descriptor.file.size : open.position;
      descriptor.file.write(at, bytes);
      open.position = at + bytes.length;
      return bytes.length;
    }
    if (descriptor.put === undefined) throw new WasiError(ERRNO.notsup);
    return this.#wait(open, () => descriptor.put!(bytes));
  }

  #openPath(folder: number, path: string, oflags: number, fdflags: number): number {
    const { entries } = this.#folder(folder);
    const name = path.replace(/^(\.\/)+/, '');
    if (name === '.' || name === '') return this.#add(this.#folder(folder), fdflags);
    const open = entries.get(name);
    // Nothing is made or emptied here: what there is stands in the plan.
    if (open === undefined) throw new WasiError((oflags & OFLAGS_CREATE) !== 0 ? ERRNO.rofs : ERRNO.noent);
    if ((oflags & OFLAGS_DIRECTORY) !== 0) throw new WasiError(ERRNO.notdir);
    if ((oflags & OFLAGS_EXCLUSIVE) !== 0) throw new WasiError(ERRNO.exist);
    const descriptor = open();
    if ((oflags & OFLAGS_TRUNCATE) !== 0 && descriptor.file !== undefined) throw new WasiError(ERRNO.rofs);
    return this.#add(descriptor, fdflags);
  }
  #add(descriptor: Descriptor, flags: number): number {
    for (let fd = 0; fd < MAX_OPEN; fd++) {
      if (this.#open.has(fd)) continue;
      this.#open.set(fd, { descriptor, flags, position: 0 });
      return fd;
    }
    throw new WasiError(ERRNO.notcapable);
  }

  // ---- poll_oneoff

  /** One event, or undefined: not yet. */
  async #eventOf(at: number, now: number, start: number): Promise<PollEvent | undefined> {
    const memory = this.#memory;
    const type = memory.readU8(at + 8);
    const userdata = memory.readU64(at);
    if (type === EVENTTYPE.clock) {
      const due = clockDue(memory, at, start);
      return now >= due ? { userdata, type, errno: ERRNO.success, bytes: 0, flags: 0 } : undefined;
    }
    try {
      const { descriptor } = this.#at(memory.readU32(at + 16));
      const ready = { userdata, type, errno: ERRNO.success, flags: 0 };
      if (descriptor.file !== undefined) return { ...ready, bytes: descriptor.file.size };
      if (type === EVENTTYPE.fdWrite)
        return (await descriptor.hasRoom?.()) === false ? undefined : { ...ready, bytes: 1 };
      const bytes = await descriptor.peek?.();
      if (bytes === undefined) return undefined;
      return { ...ready, bytes: bytes.length, flags: bytes.length === 0 ? EVENT_HANGUP : 0 };
    } catch (error) {
      return { userdata, type, errno: errnoOf(error), bytes: 0, flags: 0 };
    }
  }

  async #poll(subscriptions: number, events: number, count: number): Promise<number> {
    if (count === 0 || count > MAX_OPEN) throw new WasiError(ERRNO.inval);
    const memory = this.#memory;
    memory.slice(subscriptions, count * SIZE.subscription);
    const start = await this.#application.time.now();
    const places = Array.from({ length: count }, (_, i) => (subscriptions >>> 0) + i * SIZE.subscription);
    const dues = places
      .filter((at) => memory.readU8(at + 8) === EVENTTYPE.clock)
      .map((at) => clockDue(memory, at, start));
    const look = async (): Promise<PollEvent[] | undefined> => {
      const now = await this.#application.time.now();
      const found: PollEvent[] = [];
      for (const at of places) {
        const event = await this.#eventOf(at, now, start);
        if (event !== undefined) found.push(event);
      }
      return found.length > 0 ? found : undefined;
    };
    for (;;) {
      const now = await this.#application.time.now();
      const patience = dues.length === 0 ? {} : { within: Math.max(0, Math.min(...dues) - now) };
      const found = (await this.#application.kernel.until(look, patience)) ?? (await look());
      if (found === undefined) continue; // a timer that was early by the rounding of a tick
      found.forEach((event, i) => {
        const at = (events >>> 0) + i * SIZE.event;
        memory.zero(at, SIZE.event);
        memory.writeU64(at, event.userdata);
        memory.writeU16(at + 8, event.errno);
        memory.writeU8(at + 10, event.type);
        memory.writeU64(at + 16, BigInt(event.bytes));
        memory.writeU16(at + 24, event.flags);
      });
      return found.length;
    }
  }

  // ---- the imports

  #list(list: readonly Uint8Array[], pointers: number, buffer: number): number {
    let at = buffer >>> 0;
    list.forEach((bytes, i) => {
      this.#memory.writeU32((pointers >>> 0) + i * 4, at);
      this.#memory.write(at, bytes);
      at += bytes.length;
    });
    return ERRNO.success;
  }
  #sizes(list: readonly Uint8Array[], count: number, bytes: number): number {
    this.#memory.writeU32(count, list.length);
    this.#memory.writeU32(
      bytes,
      list.reduce((sum, one) => sum + one.length, 0),
    );
    return ERRNO.success;
  }
  #fileStat(at: number, { type, file }: Descriptor): number {
    this.#memory.zero(at, SIZE.filestat);
    this.#memory.writeU8(at + 16, type);
    this.#memory.writeU64(at + 24, 1n);
    this.#memory.writeU64(at + 32, BigInt(file?.size ?? 0));
    return ERRNO.success;
  }

  /** Functions of `wasi_snapshot_preview1`, by name. Those that are not here answer ENOSYS (`unsupported`). */
  functions(): Record<string, Import> {
    const application = this.#application;
    const memory = () => this.#memory;
    return {
      args_get: (pointers: number, buffer: number) => this.#list(this.#args, pointers, buffer),
      args_sizes_get: (count: number, bytes: number) => this.#sizes(this.#args, count, bytes),
      environ_get: (pointers: number, buffer: number) => this.#list(this.#environment, pointers, buffer),
      environ_sizes_get: (count: number, bytes: number) => this.#sizes(this.#environment, count, bytes),

      clock_res_get: (_clock: number, at: number) => {
        memory().writeU64(at, BigInt(application.self.tick) * 1000n);
        return ERRNO.success;
      },
      // Every clock is the system's: what time it is outside, only a clock driver knows.
      clock_time_get: async (clock: number, _precision: bigint, at: number) => {
        if (clock > CLOCK.threadCpu) throw new WasiError(ERRNO.inval);
        memory().writeU64(at, BigInt(Math.round((await application.time.now()) * 1e6)));
        return ERRNO.success;
      },
      random_get: (at: number, length: number) => {
        const bytes = new Uint8Array(memory().slice(at, length).length);
        application.kernel.link.random(bytes);
        memory().write(at, bytes);
        return ERRNO.success;
      },
      sched_yield: async () => {
        await new Promise<void>((resolve) => void application.kernel.link.after(0, resolve));
        return ERRNO.success;
      },
      proc_exit: (status: number) => {
        throw new ProgramExit(status & 0xff);
      },

      fd_read: async (fd: number, vectors: number, count: number, done: number) => {
        memory().writeU32(done, await this.#read(fd, vectors, count));
        return ERRNO.success;
      },
      fd_write: async (fd: number, vectors: number, count: number, done: number) => {
        memory().writeU32(done, await this.#write(fd, vectors, count));
        return ERRNO.success;
      },
      fd_pread: (fd: number, vectors: number, count: number, position: bigint, done: number) => {
        const { file } = this.#file(fd);
        const room = memory()
          .vectors(vectors, count)
          .reduce((sum, one) => sum + one.length, 0);
        const bytes = file.read(Number(position), Math.min(room, file.size));
        memory().writeU32(done, memory().scatter(vectors, count, bytes));
        return ERRNO.success;
      },
      fd_pwrite: (fd: number, vectors: number, count: number, position: bigint, done: number) => {
        const bytes = memory().gather(vectors, count);
        this.#file(fd).file.write(Number(position), bytes);
        memory().writeU32(done, bytes.length);
        return ERRNO.success;
      },
      fd_seek: (fd: number, offset: bigint, whence: number, at: number) => {
        const { open, file } = this.#file(fd);
        const { size } = file;
        const from = whence === WHENCE.set ? 0 : whence === WHENCE.current ? open.position : size;
        const position = from + Number(offset);
        if (whence > WHENCE.end || position < 0) throw new WasiError(ERRNO.inval);
        open.position = position;
        memory().writeU64(at, BigInt(position));
        return ERRNO.success;
      },
      fd_tell: (fd: number, at: number) => {
        memory().writeU64(at, BigInt(this.#file(fd).open.position));
        return ERRNO.success;
      },
      fd_close: async (fd: number) => {
        const { descriptor } = this.#at(fd);
        if (descriptor instanceof LogDescriptor) await descriptor.flush();
        this.#open.delete(fd >>> 0);
        return ERRNO.success;
      },
      fd_renumber: (from: number, to: number) => {
        const open = this.#at(from);
        this.#at(to);
        this.#open.delete(from >>> 0);
        this.#open.set(to >>> 0, open);
        return ERRNO.success;
      },
      fd_fdstat_get: (fd: number, at: number) => {
        const { descriptor, flags } = this.#at(fd);
        memory().zero(at, SIZE.fdstat);
        memory().writeU8(at, descriptor.type);
        memory().writeU16(at + 2, flags);
        // A program takes a character device that cannot seek for a terminal, and writes to it line by line.
        memory().writeU64(at + 8, descriptor.file === undefined ? ALL_RIGHTS & ~SEEK_RIGHTS : ALL_RIGHTS);
        memory().writeU64(at + 16, ALL_RIGHTS);
        return ERRNO.success;
      },
      fd_fdstat_set_flags: (fd: number, flags: number) => {
        this.#at(fd).flags = flags;
        return ERRNO.success;
      },
      fd_filestat_get: (fd: number, at: number) => this.#fileStat(at, this.#at(fd).descriptor),
      fd_datasync: (fd: number) => void this.#file(fd),
      fd_sync: (fd: number) => void this.#file(fd),
      fd_prestat_get: (fd: number, at: number) => {
        const { path } = this.#folder(fd);
        if (path === undefined) throw new WasiError(ERRNO.badf);
        memory().writeU32(at, 0); // __WASI_PREOPENTYPE_DIR
        memory().writeU32(at + 4, encoder.encode(path).length);
        return ERRNO.success;
      },
      fd_prestat_dir_name: (fd: number, at: number, length: number) => {
        const path = encoder.encode(this.#folder(fd).path ?? '');
        if (path.length > length >>> 0) throw new WasiError(ERRNO.inval);
        memory().write(at, path);
        return ERRNO.success;
      },
      fd_readdir: (fd: number, at: number, length: number, cookie: bigint, done: number) => {
        const names = [...this.#folder(fd).entries].map(([name, open]) => ({
          name: encoder.encode(name),
          type: open().type,
        }));
        const buffer = memory().slice(at, length);
        let used = 0;
        for (let i = Number(cookie); i < names.length && used < buffer.length; i++) {
          const entry = new Uint8Array(SIZE.dirent + names[i].name.length);
          const view = new DataView(entry.buffer);
          view.setBigUint64(0, BigInt(i + 1), true);
          view.setBigUint64(8, BigInt(i + 1), true);
          view.setUint32(16, names[i].name.length, true);
          view.setUint8(20, names[i].type);
          entry.set(names[i].name, SIZE.dirent);
          // An entry that is cut off says that there is more.
          const part = entry.subarray(0, buffer.length - used);
          buffer.set(part, used);
          used += part.length;
        }
        memory().writeU32(done, used);
        return ERRNO.success;
      },
      path_open: (
        fd: number,
        _lookup: number,
        path: number,
        length: number,
        oflags: number,
        _rights: bigint,
        _inherited: bigint,
        fdflags: number,
        at: number,
      ) => {
        memory().writeU32(at, 0);
        memory().writeU32(at, this.#openPath(fd, memory().text(path, length), oflags, fdflags));
        return ERRNO.success;
      },
      path_filestat_get: (fd: number, _flags: number, path: number, length: number, at: number) => {
        const folder = this.#folder(fd);
        const name = memory().text(path, length);
        if (name === '.' || name === '') return this.#fileStat(at, folder);
        const open = folder.entries.get(name);
        if (open === undefined) throw new WasiError(ERRNO.noent);
        return this.#fileStat(at, open());
      },
      poll_oneoff: async (subscriptions: number, events: number, count: number, done: number) => {
        memory().writeU32(done, await this.#poll(subscriptions, events, count >>> 0));
        return ERRNO.success;
      },
      sock_recv: async (fd: number, vectors: number, count: number, _flags: number, done: number, roflags: number) => {
        memory().writeU16(roflags, 0);
        memory().writeU32(done, await this.#read(fd, vectors, count));
        return ERRNO.success;
      },
      sock_send: async (fd: number, vectors: number, count: number, _flags: number, done: number) => {
        memory().writeU32(done, await this.#write(fd, vectors, count));
        return ERRNO.success;
      },
    };
  }
}

interface PollEvent {
  readonly userdata: bigint;
  readonly type: number;
  readonly errno: number;
  readonly bytes: number;
  readonly flags: number;
}

/** Milliseconds of the system's time at which the clock of a subscription is due. */
function clockDue(memory: ProgramMemory, at: number, start: number): number {
  const time = Number(memory.readU64(at + 24)) / 1e6;
  return (memory.readU16(at + 40) & SUBCLOCKFLAGS_ABSTIME) !== 0 ? time : start + time;
}
