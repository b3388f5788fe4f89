// What is behind a WASI file descriptor: a channel, a file of the storage, a folder of either, the log. Each has the same small
// set of operations; those that may have to wait are asked again after each wake of the partition (Kernel.until).
import type { Application, StoredFile } from '../app/application.ts';
import { ChannelError } from '../app/kernel.ts';
import type { Client, Listener, Reader, Receiver, Sender, Server, Signaller, Writer } from '../app/ports.ts';
import { ERRNO, FILETYPE, WasiError } from './abi.ts';
import type { Filetype } from './abi.ts';

/** A descriptor of a program. Methods that it lacks are not supported. */
export interface Descriptor {
  readonly type: Filetype;
  /** Of a preopened folder: its path. */
  readonly path?: string;
  /** Bytes that can be read now; undefined: not yet. An empty array: the end. They stay until `take`. */
  peek?(): Promise<Uint8Array | undefined>;
  /** Removes the first bytes of what `peek` has given; a message is removed as a whole. */
  take?(bytes: number): void;
  /** What is read is one message, which a buffer must have room for. */
  readonly isMessage?: boolean;
  /** Bytes written; undefined: no room yet. */
  put?(bytes: Uint8Array): Promise<number | undefined>;
  /** Whether `put` would take something now. */
  hasRoom?(): Promise<boolean>;
  readonly file?: StoredFile;
  /** Of a folder: the names in it, and what each opens. */
  readonly entries?: ReadonlyMap<string, () => Descriptor>;
}

/** Keeps what was received until it is read. */
abstract class Incoming implements Descriptor {
  abstract readonly type: Filetype;
  readonly isMessage: boolean = true;
  #kept: Uint8Array | undefined;

  protected abstract next(): Promise<Uint8Array | undefined>;

  async peek(): Promise<Uint8Array | undefined> {
    this.#kept ??= await this.next();
    return this.#kept;
  }
  take(bytes: number): void {
    const rest = this.isMessage ? undefined : this.#kept?.subarray(bytes);
    this.#kept = rest === undefined || rest.length === 0 ? undefined : rest;
  }
}

const NOW = { within: 0 };
const ONE = Uint8Array.of(1);

class ReceiverDescriptor extends Incoming {
  readonly type = FILETYPE.socketDgram;
  readonly #port: Receiver;
  constructor(port: Receiver) {
    super();
    this.#port = port;
  }
  protected next(): Promise<Uint8Array | undefined> {
    return this.#port.receive(NOW);
  }
}

class SenderDescriptor implements Descriptor {
  readonly type = FILETYPE.socketDgram;
  readonly #port: Sender;
  constructor(port: Sender) {
    this.#port = port;
  }
  async put(bytes: Uint8Array): Promise<number | undefined> {
    return (await this.#port.send(bytes, NOW)) ? bytes.length : undefined;
  }
  async hasRoom(): Promise<boolean> {
    return (await this.#port.room()) > 0;
  }
}

/** The last value; a read of a channel that nobody has written yet waits. */
export class ReaderDescriptor implements Descriptor {
  readonly type = FILETYPE.socketDgram;
  readonly isMessage = true;
  readonly port: Reader;
  constructor(port: Reader) {
    this.port = port;
  }
  async peek(): Promise<Uint8Array | undefined> {
    return (await this.port.read())?.message;
  }
  take(): void {}
}

class WriterDescriptor implements Descriptor {
  readonly type = FILETYPE.socketDgram;
  readonly #port: Writer;
  constructor(port: Writer) {
    this.#port = port;
  }
  async put(bytes: Uint8Array): Promise<number> {
    await this.#port.write(bytes);
    return bytes.length;
  }
  async hasRoom(): Promise<boolean> {
    return true;
  }
}

/** Each write sets the signal, whatever it writes. */
class SignallerDescriptor implements Descriptor {
  readonly type = FILETYPE.characterDevice;
  readonly #port: Signaller;
  constructor(port: Signaller) {
    this.#port = port;
  }
  async put(bytes: Uint8Array): Promise<number> {
    await this.#port.signal();
    return bytes.length;
  }
  async hasRoom(): Promise<boolean> {
    return true;
  }
}

/** Each signal is one byte. */
class ListenerDescriptor extends Incoming {
  readonly type = FILETYPE.characterDevice;
  readonly #port: Listener;
  constructor(port: Listener) {
    super();
    this.#port = port;
  }
  protected async next(): Promise<Uint8Array | undefined> {
    return (await this.#port.poll()) ? ONE : undefined;
  }
}

/** A write is the request, and returns when the reply is there; the next read gives it. */
export class ClientDescriptor extends Incoming {
  readonly type = FILETYPE.socketDgram;
  readonly port: Client;
  #reply: Uint8Array | undefined;
  constructor(port: Client) {
    super();
    this.port = port;
  }
  async put(bytes: Uint8Array): Promise<number> {
    this.take();
    this.#reply = await this.port.call(bytes);
    return bytes.length;
  }
  async hasRoom(): Promise<boolean> {
    return true;
  }
  protected async next(): Promise<Uint8Array | undefined> {
    const reply = this.#reply;
    if (reply === undefined) throw new WasiError(ERRNO.inval); // nothing was asked: it would never come
    this.#reply = undefined;
    return reply;
  }
  override take(): void {
    super.take(0);
    this.#reply = undefined;
  }
}

/** A read is a request; the next write is its reply. */
class ServerDescriptor extends Incoming {
  readonly type = FILETYPE.socketDgram;
  readonly #port: Server;
  constructor(port: Server) {
    super();
    this.#port = port;
  }
  protected next(): Promise<Uint8Array | undefined> {
    return this.#port.fetch(NOW);
  }
  async put(bytes: Uint8Array): Promise<number> {
    await this.#port.reply(bytes);
    return bytes.length;
  }
  async hasRoom(): Promise<boolean> {
    return true;
  }
}

const CHUNK_BYTES = 65536;

class StreamDescriptor extends Incoming {
  readonly type = FILETYPE.socketStream;
  override readonly isMessage = false;
  readonly #application: Application;
  readonly #in: number;
  readonly #out: number;
  readonly #chunk = new Uint8Array(CHUNK_BYTES);
  constructor(application: Application, name: string) {
    super();
    const end = (direction: 'in' | 'out') =>
      application.self.streams.findIndex((one) => one.name === name && one.direction === direction);
    this.#application = application;
    this.#in = end('in');
    this.#out = end('out');
  }
  protected async next(): Promise<Uint8Array | undefined> {
    const count = this.#application.kernel.link.readStream(this.#in, this.#chunk);
    if (count === 0) return undefined;
    return this.#chunk.slice(0, Math.max(0, count));
  }
  async put(bytes: Uint8Array): Promise<number | undefined> {
    const count = this.#application.kernel.link.writeStream(this.#out, bytes);
    if (count < 0) throw new WasiError(ERRNO.pipe);
    return count === 0 ? undefined : count;
  }
  async hasRoom(): Promise<boolean> {
    return this.#application.kernel.link.roomInStream(this.#out) !== 0;
  }
}

/** Standard output and error: each line is one of the system's log. */
export class LogDescriptor implements Descriptor {
  readonly type = FILETYPE.characterDevice;
  readonly #application: Application;
  #line: number[] = [];
  constructor(application: Application) {
    this.#application = application;
  }
  async put(bytes: Uint8Array): Promise<number> {
    for (const byte of bytes) {
      if (byte === 10 || this.#line.length >= LINE_BYTES) await this.flush();
      if (byte !== 10) this.#line.push(byte);
    }
    return bytes.length;
  }
  async flush(): Promise<void> {
    if (this.#line.length > 0) await this.#application.logBytes(Uint8Array.from(this.#line.splice(0)));
  }
  async hasRoom(): Promise<boolean> {
    return true;
  }
}
const LINE_BYTES = 2048;

/** Standard input: there is none. */
export const NO_INPUT: Descriptor = {
  type: FILETYPE.characterDevice,
  peek: async () => new Uint8Array(),
  take: () => {},
};

/** `/channels`: every channel of the partition by its name; a call, queuing, sampling or signal has one end here, a stream both. */
export function channelFolder(application: Application): Descriptor {
  const { port, self } = application;
  const entries = new Map<string, () => Descriptor>();
  for (const { name, kind, direction } of self.ports) {
    const isOut = direction === 'out';
    if (kind === 'queuing') {
      entries.set(name, () =>
        isOut ? new SenderDescriptor(port.sender(name)) : new ReceiverDescriptor(port.receiver(name)),
      );
    } else if (kind === 'sampling') {
      entries.set(name, () =>
        isOut ? new WriterDescriptor(port.writer(name)) : new ReaderDescriptor(port.reader(name)),
      );
    } else if (kind === 'signal') {
      entries.set(name, () =>
        isOut ? new SignallerDescriptor(port.signaller(name)) : new ListenerDescriptor(port.listener(name)),
      );
    } else if (kind === 'call') {
      entries.set(name, () =>
        isOut ? new ClientDescriptor(port.client(name)) : new ServerDescriptor(port.server(name)),
      );
    }
  }
  for (const { name } of self.streams) entries.set(name, () => new StreamDescriptor(application, name));
  return { type: FILETYPE.directory, path: '/channels', entries };
}

/** `/files`: the files that the plan grants. */
export function fileFolder(application: Application): Descriptor {
  const { storage } = application;
  const open = (name: string) => (): Descriptor => ({ type: FILETYPE.regularFile, file: storage.file(name) });
  return {
    type: FILETYPE.directory,
    path: '/files',
    entries: new Map(storage.names.map((name) => [name, open(name)])),
  };
}

const FAULTS: Readonly<Record<ChannelError['fault'], number>> = {
  unknown: ERRNO.noent,
  timeout: ERRNO.timedout,
  peer: ERRNO.connreset,
  busy: ERRNO.busy,
  argument: ERRNO.msgsize,
  right: ERRNO.perm,
  closed: ERRNO.pipe,
};

/** What a program is told of an error; errors that are faults of the host stay what they are. */
export function errnoOf(error: unknown): number {
  if (error instanceof WasiError) return error.errno;
  if (error instanceof ChannelError) return FAULTS[error.fault];
  if (error instanceof RangeError) return ERRNO.fault; // a pointer outside of its memory
  throw error;
}
