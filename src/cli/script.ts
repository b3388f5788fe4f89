// A scripted terminal: carries out --expect and --send against a guest's console. Knows no process and no clock.
import { StringDecoder } from 'node:string_decoder';

export type Step =
  | { readonly kind: 'expect'; readonly pattern: RegExp }
  /** `text` is typed as it is, with its newline. */
  | { readonly kind: 'send'; readonly text: string };

export interface ScriptOptions {
  readonly steps: readonly Step[];
  /** A first `send` waits for it. */
  readonly ready?: RegExp;
  /** Looked for when all steps are carried out. */
  readonly until?: RegExp;
}

export type Progress = {
  /** To be typed now. */
  readonly send: string;
  /** Set once the run has reached its goal. */
  readonly done?: 'until' | 'steps';
};

/** Patterns look at no more than this many of the newest characters: a guest can write without end. */
const WINDOW = 256 * 1024;

/* oxlint-disable no-control-regex -- control characters are what these are about */
const SEQUENCE = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]+[0-~]|[0-Z\\^-~])|\r/g;
const OPEN_SEQUENCE = /\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?|[ -/]+)?$/;
/* oxlint-enable no-control-regex */

/** The newest part of what a console has shown: a guest can write without end. */
export class Transcript {
  readonly #limit: number;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #dropped = 0;

  /** `limit`: bytes to keep at least, once so many have come. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  add(bytes: Uint8Array): void {
    const last = this.#chunks.at(-1);
    // A guest that writes byte by byte would make an array of each.
    if (last !== undefined && last.length + bytes.length <= Math.min(1024, this.#limit / 16)) {
      this.#chunks[this.#chunks.length - 1] = Buffer.concat([last, bytes]);
    } else this.#chunks.push(bytes);
    this.#bytes += bytes.length;
    while (this.#bytes - this.#chunks[0].length >= this.#limit) {
      this.#dropped += this.#chunks[0].length;
      this.#bytes -= this.#chunks.shift()!.length;
    }
  }

  /** Bytes from the beginning that are no longer kept. */
  get dropped(): number {
    return this.#dropped;
  }

  toString(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}

/**
 * Takes terminal control sequences (ECMA-48: CSI, OSC, shorter escapes) and carriage returns out of a text that
 * comes in pieces. Patterns would otherwise have to know that busybox asks for the cursor's place after each prompt.
 */
export class PlainText {
  readonly #decoder = new StringDecoder('utf8');
  #open = '';

  add(bytes: Uint8Array): string {
    const text = this.#open + this.#decoder.write(bytes);
    // An unfinished sequence at the end waits for its rest; one that is too long is no sequence.
    const open = OPEN_SEQUENCE.exec(text)?.[0] ?? '';
    this.#open = open.length < 256 ? open : '';
    return text.slice(0, text.length - this.#open.length).replace(SEQUENCE, '');
  }
}

export class Script {
  readonly #options: ScriptOptions;
  readonly #plain = new PlainText();
  /** What has come since the last match. */
  #window = '';
  #next = 0;
  #isReady: boolean;
  #done: Progress['done'];

  constructor(options: ScriptOptions) {
    this.#options = options;
    // Without a pattern nothing says when the guest is up: the UART holds what is typed until it listens.
    this.#isReady = options.ready === undefined;
  }

  /** Number of steps carried out. */
  get carriedOut(): number {
    return this.#next;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** What the script still waits for, in words; undefined: nothing. */
  get waitsFor(): string | undefined {
    const step = this.#options.steps[this.#next];
    if (step?.kind === 'send') return `the guest to be ready (${this.#options.ready?.source})`;
    if (step !== undefined) return `--expect ${step.pattern.source}`;
    return this.#options.until === undefined || this.#done !== undefined
      ? undefined
      : `--until ${this.#options.until.source}`;
  }

  /** Console output came (none: the start). */
  feed(bytes: Uint8Array = new Uint8Array()): Progress {
    this.#window = (this.#window + this.#plain.add(bytes)).slice(-WINDOW);
    const { steps, ready, until } = this.#options;
    if (!this.#isReady && ready!.test(this.#window)) this.#isReady = true;
    let send = '';
    for (;;) {
      const step = steps[this.#next];
      if (step === undefined) break;
      if (step.kind === 'expect') {
        if (!this.#consume(step.pattern)) break;
      } else {
        if (this.#next === 0 && !this.#isReady) break;
        send += step.text;
        // What follows a send looks only at what the guest says from here on.
        this.#window = '';
      }
      this.#next++;
    }
    if (this.#done === undefined && this.#next === steps.length) {
      const last = steps.at(-1);
      if (until === undefined) {
        if (last?.kind === 'expect') this.#done = 'steps';
      } else if (this.#consume(until)) this.#done = 'until';
    }
    return { send, ...(this.#done === undefined ? {} : { done: this.#done }) };
  }

  #consume(pattern: RegExp): boolean {
    const match = pattern.exec(this.#window);
    if (match === null) return false;
    this.#window = this.#window.slice(match.index + match[0].length);
    return true;
  }
}

/** `\n`, `\r`, `\t`, `\\` and `\xHH` of --send as the characters that they mean. Throws RangeError on any other escape. */
export function unescape(text: string): string {
  const meanings: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\' };
  return text.replace(/\\(x[0-9a-fA-F]{2}|.|$)/gs, (whole, escape: string) => {
    if (escape.length === 3) return String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    const meaning = Object.hasOwn(meanings, escape) ? meanings[escape] : undefined;
    if (meaning === undefined) throw new RangeError(`\`${whole}\` is not an escape`);
    return meaning;
  });
}
