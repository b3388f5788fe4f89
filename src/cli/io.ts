// What a command may use of the outside: its output streams, and whether they take colours.

export type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

const CODES: Readonly<Record<Colour, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

export interface Io {
  /** Results: with --json, one document and nothing else. */
  out(text: string): void;
  /** Messages to the user. */
  note(text: string): void;
  /** The text in a colour where the terminal of `stream` takes it. */
  paint(stream: 'out' | 'note', colour: Colour, text: string): string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Colours only on a terminal, and never when NO_COLOR is set (no-color.org) or the terminal is dumb. */
export function processIo(): Io {
  const plain = (process.env['NO_COLOR'] ?? '') !== '' || process.env['TERM'] === 'dumb';
  const takesColour = {
    out: !plain && process.stdout.isTTY,
    note: !plain && process.stderr.isTTY,
  };
  return {
    out: (text) => void process.stdout.write(text),
    note: (text) => void process.stderr.write(text),
    paint: (stream, colour, text) =>
      takesColour[stream] && text !== '' ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text,
    env: process.env,
  };
}

/** The colours of a report on standard output. */
export const paintOf = (io: Io) => ({
  title: (text: string) => io.paint('out', 'bold', text),
  good: (text: string) => io.paint('out', 'green', text),
  bad: (text: string) => io.paint('out', 'red', text),
  dim: (text: string) => io.paint('out', 'dim', text),
});
