// The console driver: joins the user's terminal with the consoles of guests. It holds the terminal and its streams, nothing
// else. The terminal's mode (raw) belongs to the command line, which outlives this process.
import { type Partition, startPartition } from '../../sdk/index.ts';
import { KeyReader, type Request } from './keys.ts';
import { ConsoleLine } from './line.ts';
import { Terminal } from './terminal.ts';

/** Output that is passed on before keys get their turn. */
const TURN_BYTES = 64 * 1024;

/** Of the time that the kernel gives to partitions when the system ends (STOP_GRACE_MS: 3 s). */
const LAST_WORDS_MS = 1000;

interface Configuration {
  readonly consoles: readonly { readonly stream: string; readonly partition: string }[];
  /** Stream of the console that is shown first. */
  readonly first: string;
  readonly rows: number;
  readonly columns: number;
}

class ConsoleDriver {
  readonly #partition: Partition;
  readonly #configuration: Configuration;
  readonly #terminal: Terminal;
  readonly #lines: readonly ConsoleLine[];
  readonly #keys = new KeyReader();
  #shown: ConsoleLine;
  #terminalIsFull = false;
  #turnIsPlanned = false;
  #stopping = false;
  #isFinished = false;

  constructor(partition: Partition, terminal: Terminal) {
    this.#partition = partition;
    this.#terminal = terminal;
    this.#configuration = partition.start.config as unknown as Configuration;
    const { consoles, first } = this.#configuration;
    this.#lines = consoles.map(
      ({ stream, partition: guest }) => new ConsoleLine(guest, partition.producer(stream), partition.consumer(stream)),
    );
    this.#shown =
      this.#lines[
        Math.max(
          0,
          consoles.findIndex((one) => one.stream === first),
        )
      ];
  }

  start(): void {
    this.#partition.onWake(({ stopping }) => {
      if (stopping) this.#stop();
      this.#turn();
    });
    this.#terminal.start({
      typed: (bytes) => this.#onTyped(bytes),
      drained: () => {
        this.#terminalIsFull = false;
        this.#turn();
      },
    });
    this.#turn();
  }

  /** Moves what can be moved, and leaves the rest to the next wake, drain or turn. */
  #turn(): void {
    if (this.#isFinished) return;
    for (const line of this.#lines) if (line !== this.#shown) line.keep();
    for (let left = TURN_BYTES; !this.#terminalIsFull;) {
      if (left <= 0) {
        this.#planTurn();
        break;
      }
      const chunk = this.#shown.next();
      if (chunk === undefined) break;
      left -= chunk.length;
      this.#write(chunk);
    }
    this.#sendTyped();
    if (this.#stopping && this.#shown.isClosed) this.#finish();
  }

  #planTurn(): void {
    if (this.#turnIsPlanned) return;
    this.#turnIsPlanned = true;
    setImmediate(() => {
      this.#turnIsPlanned = false;
      this.#turn();
    });
  }

  #write(bytes: Uint8Array): void {
    if (!this.#terminal.write(bytes)) this.#terminalIsFull = true;
  }

  #say(text: string): void {
    this.#write(Buffer.from(`\r\n[virtsec] ${text}\r\n`));
  }

  #onTyped(bytes: Uint8Array): void {
    if (!this.#terminal.isInteractive) this.#shown.type(bytes);
    else {
      for (const keys of this.#keys.read(bytes)) {
        this.#shown.type(keys.bytes);
        if (keys.request !== undefined) this.#carryOut(keys.request);
      }
    }
    this.#sendTyped();
  }

  /** The terminal keeps what the guest has no room for. */
  #sendTyped(): void {
    let allSent = true;
    for (const line of this.#lines) allSent = line.sendTyped() && allSent;
    if (allSent) this.#terminal.resume();
    else this.#terminal.pause();
  }

  #carryOut(request: Request): void {
    switch (request) {
      case 'open-menu':
        this.#say(this.#menu());
        break;
      case 'help':
        this.#say(this.#help());
        break;
      case 'quit':
        this.#say('ending the system');
        this.#partition.shutDown();
        break;
      case 'size': {
        const { rows, columns } = this.#terminal.size() ?? this.#configuration;
        if (rows > 0 && columns > 0) this.#shown.type(Buffer.from(`stty rows ${rows} cols ${columns}\n`));
        else this.#say('the size of this terminal is not known');
        break;
      }
      case 'close-menu':
        break;
      default:
        this.#show(request.console);
    }
  }

  #show(index: number): void {
    const line = this.#lines[index];
    if (line === undefined || line === this.#shown) {
      this.#say(line === undefined ? `there is no console ${index + 1}` : `this is console ${index + 1}`);
      return;
    }
    this.#shown = line;
    this.#say(`console ${index + 1}: ${line.partition}`);
    this.#write(line.takeKept());
    this.#turn();
  }

  #menu(): string {
    const others = this.#lines.length > 1 ? ` · 1-${Math.min(9, this.#lines.length)} console` : '';
    return `q quit · s tell the guest the window size${others} · c send Ctrl-] · ? help · any other key: back`;
  }

  #help(): string {
    const consoles = this.#lines.map(
      (line, index) =>
        `  ${index + 1}  console of ${line.partition}${line === this.#shown ? ' (shown)' : ''}${line.isClosed ? ' (ended)' : ''}`,
    );
    return [
      'Ctrl-] and then:',
      '  q  end the whole system, as pulling the plug would',
      '  s  type `stty rows R cols C` with the size of this window',
      '  c  send Ctrl-] itself to the guest (or press it again)',
      ...consoles,
    ].join('\r\n');
  }

  /** The system ends: what the guest has said last is still shown, if it comes soon. */
  #stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    setTimeout(() => this.#finish(), LAST_WORDS_MS);
  }

  #finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#terminal.flush(() => this.#partition.exit(0));
  }
}

const partition = await startPartition();
const { terminal } = partition.start;
if (terminal === undefined) throw new Error('the console driver needs a terminal');
const driver = new ConsoleDriver(partition, new Terminal(terminal.input, terminal.output));
await partition.seal();
await partition.hello();
driver.start();
