// An application as its program sees it: everything that its plan gives it, by name.
import {
  FAULT_APPLICATION,
  LAST_FAULT,
  OP_AUDIT,
  OP_BEAT,
  OP_FAULTS,
  OP_LOG,
  OP_RAISE,
  OP_SET_MODE,
  OP_SHUTDOWN,
  TEXT_BYTES,
} from '../../kernel/abi.ts';
import type { PortEnd } from '../../kernel/abi.ts';
import type { Facts, KernelLink } from '../link.ts';
import { Crypto } from './crypto.ts';
import { ChannelError, Kernel } from './kernel.ts';
import type { Patience } from './kernel.ts';
import { utf8 } from './message.ts';
import { Client, Listener, Managed, Reader, Receiver, Sender, Server, Signaller, Writer } from './ports.ts';
import type { Handler } from './ports.ts';
import { Stream } from './stream.ts';

/** `port`: the channels of a partition, a method for each end of each kind. Each throws ChannelError `unknown` for a name that it has not. */
export class Ports {
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  #end(name: string, kind: PortEnd['kind'], direction: PortEnd['direction']): PortEnd {
    const { ports, streams, name: partition } = this.#kernel.link.facts;
    const end = ports.find((one) => one.name === name && one.kind === kind && one.direction === direction);
    if (end !== undefined) return end;
    const other = [...ports, ...streams.map((stream) => ({ ...stream, kind: 'stream' }))].find(
      (one) => one.name === name,
    );
    const what = kind === 'manage' ? `manages no partition` : `has no ${kind} ${direction === 'out' ? 'to' : 'from'}`;
    const but =
      other === undefined ? '' : `: ${name} is a ${other.kind} ${other.direction === 'out' ? 'to' : 'from'} another`;
    throw new ChannelError('unknown', `${partition} ${what} ${name}${but}`);
  }

  /** `queuing: THIS -> other` */
  sender(name: string): Sender {
    return new Sender(this.#kernel, this.#end(name, 'queuing', 'out'));
  }
  /** `queuing: other -> THIS` */
  receiver(name: string): Receiver {
    return new Receiver(this.#kernel, this.#end(name, 'queuing', 'in'));
  }
  /** `sampling: THIS -> others` */
  writer(name: string): Writer {
    return new Writer(this.#kernel, this.#end(name, 'sampling', 'out'));
  }
  /** `sampling: other -> THIS` */
  reader(name: string): Reader {
    return new Reader(this.#kernel, this.#end(name, 'sampling', 'in'));
  }
  /** `signal: THIS -> other` */
  signaller(name: string): Signaller {
    return new Signaller(this.#kernel, this.#end(name, 'signal', 'out'));
  }
  /** `signal: other -> THIS` */
  listener(name: string): Listener {
    return new Listener(this.#kernel, this.#end(name, 'signal', 'in'));
  }
  /** `call: THIS -> other` */
  client(name: string): Client {
    return new Client(this.#kernel, this.#end(name, 'call', 'out'));
  }
  /** `call: other -> THIS` */
  server(name: string): Server {
    return new Server(this.#kernel, this.#end(name, 'call', 'in'));
  }
  /** Short for `server(name).serve(handler)`. */
  serve(name: string, handler: Handler): void {
    this.server(name).serve(handler);
  }
  /** `stream: THIS <-> other` */
  stream(name: string): Stream {
    const { streams, name: partition } = this.#kernel.link.facts;
    const [input, output] = (['in', 'out'] as const).map((direction) =>
      streams.findIndex((one) => one.name === name && one.direction === direction),
    );
    if (input < 0 && output < 0) throw new ChannelError('unknown', `${partition} has no stream ${name}`);
    return new Stream(this.#kernel, name, input, output);
  }
  /** `may: { manage: [NAME] }` */
  managed(name: string): Managed {
    return new Managed(this.#kernel, this.#end(name, 'manage', 'out'));
  }
}

/** `time`: the system's time, and waiting for it. */
export class Timers {
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }
  /** Milliseconds since the system started, the same in all its partitions. */
  async now(): Promise<number> {
    return this.#kernel.now();
  }
  /** Resolves after so many milliseconds. */
  async sleep(milliseconds: number): Promise<void> {
    this.#kernel.hold();
    try {
      await new Promise<void>((resolve) => void this.#kernel.link.after(milliseconds, resolve));
    } finally {
      this.#kernel.release();
    }
  }
  /**
   * Runs `work` every so many milliseconds, first after one of them, each time when the last one is done; it keeps to its times
   * and skips those that it has missed. What it returns ends that. `within`: so many milliseconds after its time the work must
   * be done, or it has missed its deadline (`health.deadline`).
   */
  every(milliseconds: number, work: () => void | Promise<void>, { within }: Patience = {}): () => void {
    let isOn = true;
    let endNow = (): void => {};
    this.#kernel.run(async () => {
      for (let due = (await this.now()) + milliseconds; isOn;) {
        const left = due - (await this.now());
        if (left > 0) {
          await new Promise<void>((resolve) => {
            const callOff = this.#kernel.link.after(left, resolve);
            endNow = () => {
              callOff();
              resolve();
            };
          });
        }
        if (!isOn) return;
        if (within !== undefined) this.#kernel.deadline(due + within);
        await work();
        if (within !== undefined) this.#kernel.deadline(undefined);
        const late = (await this.now()) - due;
        due += milliseconds * (1 + Math.max(0, Math.floor(late / milliseconds)));
      }
    });
    return () => {
      isOn = false;
      endNow();
    };
  }
}

/** Milliseconds: an hour. Later than so is told from earlier as long as it is. */
const LONGEST_DEADLINE = 3_600_000;

/** `health`: the health monitor, as a partition may use it (ARINC 653 P1, 3.8). */
export class Health {
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }
  /** Reports a fault of its own, 0 to 7; the plan says what is done about it. */
  async raise(fault: number): Promise<void> {
    if (!Number.isInteger(fault) || fault < 0 || fault > LAST_FAULT - FAULT_APPLICATION) {
      throw new ChannelError('argument', `${fault} is not a fault of 0 to ${LAST_FAULT - FAULT_APPLICATION}`);
    }
    await this.#kernel.call(OP_RAISE, FAULT_APPLICATION + fault);
  }
  /** Says that it lives; due as often as `self.beat` says. */
  async beat(): Promise<void> {
    await this.#kernel.call(OP_BEAT);
  }
  /**
   * What it does now must be done in so many milliseconds, until it says that it is: without a number, or with another one. Who is
   * not has missed its deadline, whether it hangs or is only slow: at the end of its window the kernel does what the plan says in
   * `faults: { deadline }`. A partition whose plan says nothing there has no deadlines.
   */
  async deadline(milliseconds?: number): Promise<void> {
    if (milliseconds === undefined) this.#kernel.deadline(undefined);
    else if (milliseconds >= 0 && milliseconds <= LONGEST_DEADLINE) {
      this.#kernel.deadline((await this.#kernel.now()) + milliseconds);
    } else throw new ChannelError('argument', `${milliseconds} is not a deadline of 0 to ${LONGEST_DEADLINE} ms`);
  }
  /** Takes the faults that the plan gives to the partition itself (`process: { ...: handler }`): a bit for each number. */
  async faults(): Promise<number> {
    return (await this.#kernel.call(OP_FAULTS, 0xffff)).words[0];
  }
  /** Waits for such a fault, and takes it. 0: none in the time given in `within`. */
  async wait(patience: Patience = {}): Promise<number> {
    return (await this.#kernel.until(async () => (await this.faults()) || undefined, patience)) ?? 0;
  }
}

/** `mode`: modes of the schedule (`may: { switch }`). */
export class Modes {
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }
  /** Their names in the description; empty: this partition may not switch. */
  get names(): readonly string[] {
    return this.#kernel.link.facts.modes;
  }
  /** Asks for that mode; it holds from the end of the current major frame on. */
  async switchTo(name: string): Promise<void> {
    const mode = this.names.indexOf(name);
    if (mode < 0) throw new ChannelError('right', `this partition may not switch to ${name}`);
    await this.#kernel.call(OP_SET_MODE, mode);
  }
}

/** A file that the plan grants to the partition. */
export class StoredFile {
  readonly #link: KernelLink;
  readonly name: string;

  constructor(link: KernelLink, name: string) {
    this.#link = link;
    this.name = name;
  }
  #checked(result: number): number {
    if (result < 0) throw new ChannelError('right', `the file ${this.name} does not allow that`);
    return result;
  }
  /** Its size in bytes. */
  get size(): number {
    return this.#checked(this.#link.fileSize(this.name));
  }
  /** Up to `bytes` bytes from `position` on; fewer at its end. */
  read(position: number, bytes: number): Uint8Array {
    const into = new Uint8Array(bytes);
    return into.subarray(0, this.#checked(this.#link.readFile(this.name, position, into)));
  }
  /** Writes all of them at `position`. Throws ChannelError `right` for a file that is granted read-only. */
  write(position: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const count = this.#checked(this.#link.writeFile(this.name, position + done, bytes.subarray(done)));
      if (count === 0) throw new ChannelError('right', `the file ${this.name} takes no more`);
      done += count;
    }
  }
}

/** `storage`: files that the plan grants. */
export class Storage {
  readonly #link: KernelLink;

  constructor(link: KernelLink) {
    this.#link = link;
  }
  /** Names of the files that the plan grants. */
  get names(): readonly string[] {
    return this.#link.facts.files;
  }
  /** Throws ChannelError `unknown`. */
  file(name: string): StoredFile {
    if (!this.names.includes(name)) throw new ChannelError('unknown', `this partition has no file ${name}`);
    return new StoredFile(this.#link, name);
  }
}

/** What a partition may read about another (`may: { audit }`), counted since the system started. */
export interface Audit {
  readonly faults: number;
  readonly restarts: number;
  readonly illegal: number;
}

export class Application {
  readonly kernel: Kernel;
  readonly port: Ports;
  readonly time: Timers;
  readonly health: Health;
  readonly mode: Modes;
  readonly storage: Storage;
  readonly crypto: Crypto;

  constructor(link: KernelLink) {
    this.kernel = new Kernel(link);
    this.port = new Ports(this.kernel);
    this.time = new Timers(this.kernel);
    this.health = new Health(this.kernel);
    this.mode = new Modes(this.kernel);
    this.storage = new Storage(link);
    this.crypto = new Crypto(link);
  }

  get self(): Facts {
    return this.kernel.link.facts;
  }
  /** A line for the system's log; what is longer than 2,048 bytes is cut off. */
  async log(text: string): Promise<void> {
    await this.logBytes(utf8(text));
  }
  /** The same, of UTF-8. */
  async logBytes(text: Uint8Array): Promise<void> {
    const bytes = text.subarray(0, TEXT_BYTES);
    await this.kernel.call(OP_LOG, bytes.length, 0, 0, bytes);
  }
  /** Faults, restarts and illegal calls of another partition (`may: { audit: [NAME] }`). Throws ChannelError `right`. */
  async audit(partition: string): Promise<Audit> {
    const of = this.self.audits.find(({ name }) => name === partition);
    if (of === undefined) throw new ChannelError('right', `this partition may not audit ${partition}`);
    const { words } = await this.kernel.call(OP_AUDIT, of.partition);
    return { faults: words[0], restarts: words[1], illegal: words[2] };
  }
  /** Ends this partition with a status of 0 to 255. */
  async exit(status = 0): Promise<never> {
    return this.kernel.exit(status);
  }
  /** Ends the whole system (`may: { shut-down: true }`). */
  async shutDown(): Promise<void> {
    await this.kernel.call(OP_SHUTDOWN);
  }
  /** Called when the system ends: finish, then `exit()`; whoever has not after 3 seconds is stopped. */
  onStop(callback: () => void): void {
    this.kernel.onStop(callback);
  }
}

export type { Patience };
