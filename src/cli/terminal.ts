// The user's terminal: raw while a guest has it, and always put back.
import { closeSync, constants, openSync } from 'node:fs';
import type { Terminal } from './kernel-process.ts';

/**
 * Undoes what a guest may have left: CAN ends a sequence that it left open; then colours, a hidden cursor, characters as lines
 * (SO), insert mode, a scrolling region, keys of an application; all that makes a terminal type by itself: bracketed paste,
 * mouse and focus reports; and the second screen.
 */
const CALM = [
  '\x18\x1b[0m\x1b[?25h\x0f\x1b(B\x1b[4l\x1b7\x1b[r\x1b8\x1b[?7h\x1b[?1l\x1b>',
  ...[1000, 1002, 1003, 1004, 1005, 1006, 1015, 2004, 1049].map((mode) => `\x1b[?${mode}l`),
].join('');

/** ECMA-48 DSR: any terminal answers "ready", after it has answered whatever it was asked before. */
const ASK = '\x1b[5n';
const ANSWER = '\x1b[0n';
/** How long the answer is waited for, and how long no more may come before the terminal counts as silent. */
const ANSWER_MS = 500;
const SILENCE_MS = 50;
const SETTLE_MS = 2000;

export interface RawTerminal {
  readonly terminal: Extract<Terminal, object>;
  readonly rows: number;
  readonly columns: number;
  /**
   * Calms the terminal and takes what it still has to say: a guest can ask it questions in its last moment, and the answers,
   * in part the guest's own words, would be typed into the user's shell. Nobody else may read the terminal by then.
   */
  settle(): Promise<void>;
  /** Puts the terminal's mode back. May be called more than once. */
  restore(): void;
}

/** Both ends are a terminal that a guest's console can have. */
export const isInteractive = (): boolean => process.stdin.isTTY && process.stdout.isTTY;

export function openTerminal(): RawTerminal {
  // New open file descriptions: what the driver does to theirs (O_NONBLOCK) does not reach the user's shell, and its input
  // cannot be written nor its output read.
  const input = open('/proc/self/fd/0', constants.O_RDONLY) ?? 0;
  const output = open('/proc/self/fd/1', constants.O_WRONLY) ?? 1;
  const { rows, columns } = process.stdout;
  process.stdin.setRawMode(true);
  let isRaw = true;
  let settled: Promise<void> | undefined;
  return {
    terminal: { input, output },
    rows,
    columns,
    settle() {
      if (settled === undefined) {
        process.stdout.write(CALM + ASK);
        settled = untilSilent(process.stdin);
      }
      return settled;
    },
    restore() {
      if (!isRaw) return;
      isRaw = false;
      process.stdin.pause();
      process.stdin.setRawMode(false);
      if (settled === undefined) process.stdout.write(CALM);
      for (const fd of [input, output]) if (fd > 2) closeSync(fd);
    },
  };
}

/** Drops what comes, until it has the answer to ASK and then nothing for a while. A guest may have asked the same before. */
function untilSilent(input: NodeJS.ReadStream): Promise<void> {
  return new Promise((resolve) => {
    let tail = '';
    let isAnswered = false;
    const began = performance.now();
    let timer = setTimeout(end, ANSWER_MS);
    function take(bytes: Buffer): void {
      tail = (tail + bytes.toString('latin1')).slice(-ANSWER.length - bytes.length);
      isAnswered ||= tail.includes(ANSWER);
      if (!isAnswered || performance.now() - began > SETTLE_MS) return;
      clearTimeout(timer);
      timer = setTimeout(end, SILENCE_MS);
    }
    function end(): void {
      clearTimeout(timer);
      input.off('data', take).off('error', end).off('end', end);
      resolve();
    }
    input.on('data', take).on('error', end).on('end', end);
  });
}

function open(path: string, mode: number): number | undefined {
  try {
    return openSync(path, mode | constants.O_NOCTTY);
  } catch {
    return undefined; // another system than Linux, or a terminal of another user
  }
}
