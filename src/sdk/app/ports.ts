// The handles of channels that the core carries, each found by the channel's name in the system description.
import {
  E_BUSY,
  E_EMPTY,
  E_FULL,
  E_LATE,
  E_LIMIT,
  E_PEER,
  E_TIMEOUT,
  OK,
  OP_CALL,
  OP_FETCH,
  OP_POLL,
  OP_READ,
  OP_RECEIVE,
  OP_REPLY,
  OP_RESTART,
  OP_SEND,
  OP_SIGNAL,
  OP_START,
  OP_STATUS,
  OP_STOP,
  OP_WRITE,
} from '../../kernel/abi.ts';
import type { PortEnd } from '../../kernel/abi.ts';
import { ChannelError } from './kernel.ts';
import type { Kernel, Patience } from './kernel.ts';
import { bytesOf } from './message.ts';
import type { Message } from './message.ts';

class Port {
  protected readonly kernel: Kernel;
  protected readonly end: PortEnd;

  constructor(kernel: Kernel, end: PortEnd) {
    this.kernel = kernel;
    this.end = end;
  }

  /** The channel's name in the system description. */
  get name(): string {
    return this.end.name;
  }
  /** Longest message, in bytes (1 to 1,024). */
  get bytes(): number {
    return this.end.bytes;
  }

  protected checked(message: Message): Uint8Array {
    const bytes = bytesOf(message);
    if (bytes.length > this.end.bytes) {
      const size = `${bytes.length} bytes are more than the ${this.end.bytes}`;
      throw new ChannelError('argument', `${size} that a message of ${this.end.name} has at most`);
    }
    return bytes;
  }
}

/** The sending end of a queuing channel (ARINC 653 P1, 3.6.2.2). */
export class Sender extends Port {
  /**
   * Sends one message. True: it is on its way. False: with `overflow: block` the queue stayed full for the time given in
   * `within`; with `overflow: drop` this frame's credit is spent (whether the queue was full, the sender never learns).
   */
  async send(message: Message, patience: Patience = {}): Promise<boolean> {
    const bytes = this.checked(message);
    let result = OK;
    const attempt = async (): Promise<true | undefined> => {
      result = (await this.kernel.call(OP_SEND, this.end.handle, bytes.length, 0, bytes)).result;
      return result === E_FULL ? undefined : true;
    };
    if (this.end.overflow === 'block') await this.kernel.until(attempt, patience);
    else await attempt();
    return result !== E_FULL && result !== E_LIMIT;
  }

  /** `block`: free places in the queue. `drop`: messages that may still be sent in this frame. */
  async room(): Promise<number> {
    return (await this.kernel.call(OP_STATUS, this.end.handle)).words[0];
  }
}

/** The receiving end of a queuing channel. */
export class Receiver extends Port {
  #lost = 0;

  /** The next message, oldest first. Undefined: none came in the time given in `within`. */
  async receive(): Promise<Uint8Array>;
  async receive(patience: Patience): Promise<Uint8Array | undefined>;
  async receive(patience: Patience = {}): Promise<Uint8Array | undefined> {
    return this.kernel.until(async () => {
      const { result, words, message } = await this.kernel.call(OP_RECEIVE, this.end.handle, 0);
      if (result === E_EMPTY) return undefined;
      this.#lost = words[1];
      return message;
    }, patience);
  }

  /** Messages that found the queue full and were dropped, up to the last one received. */
  get lost(): number {
    return this.#lost;
  }

  /** Messages that wait. */
  async waiting(): Promise<number> {
    return (await this.kernel.call(OP_STATUS, this.end.handle)).words[0];
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, never, undefined> {
    for (;;) yield await this.receive();
  }
}

/** The writing end of a sampling channel (ARINC 653 P1, 3.6.2.1). */
export class Writer extends Port {
  /** Sets the channel's value. */
  async write(message: Message): Promise<void> {
    const bytes = this.checked(message);
    await this.kernel.call(OP_WRITE, this.end.handle, bytes.length, 0, bytes);
  }
}

/** A value of a sampling channel. */
export interface Sample {
  readonly message: Uint8Array;
  /** Milliseconds since it was written. */
  readonly age: number;
  /** It is no older than the channel's `refresh`. */
  readonly valid: boolean;
}

/** A reading end of a sampling channel. */
export class Reader extends Port {
  /** The last value; undefined: none was written yet. */
  async read(): Promise<Sample | undefined> {
    const { result, words, message } = await this.kernel.call(OP_READ, this.end.handle);
    if (result === E_EMPTY) return undefined;
    return { message, age: this.kernel.millisecondsOf(words[1]), valid: words[2] !== 0 };
  }
}

/** The sending end of a signal channel. */
export class Signaller extends Port {
  /** Sets the signal; it stays set until the other end takes it. */
  async signal(): Promise<void> {
    await this.kernel.call(OP_SIGNAL, this.end.handle, this.end.bits ?? 0);
  }
}

/** The receiving end of a signal channel. */
export class Listener extends Port {
  /** Takes the signal. False: it was not set. */
  async poll(): Promise<boolean> {
    return (await this.kernel.call(OP_POLL, this.end.bits ?? 0)).words[0] !== 0;
  }

  /** Waits until the signal is set, and takes it. False: it was not in the time given in `within`. */
  async wait(patience: Patience = {}): Promise<boolean> {
    return (await this.kernel.until(async () => (await this.poll()) || undefined, patience)) ?? false;
  }
}

/** The calling end of a call channel. */
export class Client extends Port {
  /**
   * Calls the server and waits for its reply, at most as long as the channel's `within`. While it waits, the partition makes no
   * other operation: those of its other handles come after it. Throws ChannelError `timeout`, `peer` or `busy`.
   */
  async call(request: Message): Promise<Uint8Array> {
    const bytes = this.checked(request);
    const { result, message } = await this.kernel.call(OP_CALL, this.end.handle, bytes.length, 0, bytes);
    const { name } = this.end;
    if (result === E_TIMEOUT) throw new ChannelError('timeout', `no reply from ${name} in time`);
    if (result === E_PEER) throw new ChannelError('peer', `the server of ${name} has ended or was restarted`);
    if (result === E_BUSY) throw new ChannelError('busy', `the server of ${name} still works on an earlier call`);
    return message;
  }
}

/** What the server of a call channel does with a request: its reply. */
export type Handler = (request: Uint8Array) => Message | Promise<Message>;

/** The serving end of a call channel. */
export class Server extends Port {
  /** Fetches one request. Undefined: none came in the time given in `within`. */
  async fetch(): Promise<Uint8Array>;
  async fetch(patience: Patience): Promise<Uint8Array | undefined>;
  async fetch(patience: Patience = {}): Promise<Uint8Array | undefined> {
    return this.kernel.until(async () => {
      const { result, message } = await this.kernel.call(OP_FETCH, this.end.handle, 0);
      return result === E_EMPTY ? undefined : message;
    }, patience);
  }

  /** Answers the request fetched last. False: the client no longer waits. */
  async reply(reply: Message): Promise<boolean> {
    const bytes = this.checked(reply);
    const { result } = await this.kernel.call(OP_REPLY, this.end.handle, bytes.length, 0, bytes);
    return result !== E_LATE && result !== E_EMPTY;
  }

  /**
   * Answers every request from now on, one after the other. An error that `handler` throws is a fault of this application: the
   * health monitor decides, and the client gets `peer`.
   */
  serve(handler: Handler): void {
    this.kernel.run(async () => {
      for (;;) await this.reply(await handler(await this.fetch()));
    });
  }
}

/** A partition that this one may start and stop (`may: { manage }`). It learns nothing about it by that. */
export class Managed {
  readonly #kernel: Kernel;
  readonly #handle: number;

  constructor(kernel: Kernel, end: PortEnd) {
    this.#kernel = kernel;
    this.#handle = end.handle;
  }
  /** Starts it if it is stopped. */
  async start(): Promise<void> {
    await this.#kernel.call(OP_START, this.#handle);
  }
  /** Stops it; it stays stopped. */
  async stop(): Promise<void> {
    await this.#kernel.call(OP_STOP, this.#handle);
  }
  /** Stops it, wipes its memory and starts it again. */
  async restart(): Promise<void> {
    await this.#kernel.call(OP_RESTART, this.#handle);
  }
}
