// The user's terminal: raw while a guest has it, and always put back.
import { closeSync, constants, openSync } from 'node:fs';
import type { Terminal } from './kernel-process.ts';

/** Of what a guest may have switched on: colours, a hidden cursor, bracketed paste, mouse reports, the second screen. */
const CALM = '\x1b[0m\x1b[?25h\x1b[?2004l\x1b[?1000l\x1b[?1049l';

export interface RawTerminal {
  readonly terminal: Extract<Terminal, object>;
  readonly rows: number;
  readonly columns: number;
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
  return {
    terminal: { input, output },
    rows,
    columns,
    restore() {
      if (!isRaw) return;
      isRaw = false;
      process.stdin.setRawMode(false);
      process.stdout.write(CALM);
      for (const fd of [input, output]) if (fd > 2) closeSync(fd);
    },
  };
}

function open(path: string, mode: number): number | undefined {
  try {
    return openSync(path, mode | constants.O_NOCTTY);
  } catch {
    return undefined; // another system than Linux, or a terminal of another user
  }
}
