// A description's text, and the messages that point into it: FILE:LINE:COLUMN, a sentence, the line with a caret.

/** Half-open range of UTF-16 offsets in the text. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** One step of a path through the description, with the place that opens it. */
export interface Hop {
  readonly at: Range;
  readonly sentence: string;
}

export interface Fault {
  /** `VSNNN`: leads to its page in docs/. */
  readonly code: string;
  readonly at: Range;
  /** What is wrong, without a full stop. */
  readonly sentence: string;
  /** Where information takes the way that contradicts what is asserted. */
  readonly path?: readonly Hop[];
  /** What to write instead. */
  readonly help?: string;
}

/** UTF-16 units of a line that a message shows. */
const MAX_LINE = 160;

/** Characters of a quoted word that a message shows. */
const MAX_WORD = 80;

/** Controls; what turns the direction of writing round, or is not seen at all; spaces and line ends that are not ASCII. */
// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]|\p{Cf}|(?! )\p{Zs}|\p{Zl}|\p{Zp}/gu;

/** A text that others wrote, as it may be shown on a terminal: what would act on it is a replacement character. */
export const harmless = (text: string): string => text.replaceAll(CONTROL, '\ufffd');

/** A sentence with its longest quoted words cut. */
const shortened = (sentence: string): string =>
  sentence.replace(/`([^`]+)`/g, (whole, word: string) =>
    word.length <= MAX_WORD ? whole : `\`${word.slice(0, MAX_WORD)}…\``,
  );

export class Source {
  readonly name: string;
  readonly text: string;
  readonly #lineStarts: number[] = [0];

  /** `name` is printed as it is: the path that the user typed. */
  constructor(name: string, text: string) {
    this.name = name;
    this.text = text;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#lineStarts.push(at + 1);
  }

  /** Line and column of an offset, both from 1; columns count UTF-16 units. */
  position(offset: number): { line: number; column: number } {
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#lineStarts[middle] <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - this.#lineStarts[low] + 1 };
  }

  /** `FILE:LINE`. */
  place(at: Range): string {
    return `${this.name}:${this.position(at.start).line}`;
  }

  /** The message as it is printed, without a final newline. */
  format(fault: Fault): string {
    const { line, column } = this.position(fault.at.start);
    const start = this.#lineStarts[line - 1];
    const rest = this.text.slice(start);
    const text = (/^[^\r\n]*/.exec(rest)?.[0] ?? '').replaceAll('\t', ' ');
    // Of a very long line (JSON) only what stands around the place is shown.
    const cut = text.length > MAX_LINE ? Math.max(0, column - 1 - MAX_LINE / 2) : 0;
    const shown = text.slice(cut, cut + MAX_LINE);
    const before = cut > 0 ? '…' : '';
    const carets = Math.max(1, Math.min(fault.at.end - fault.at.start, cut + shown.length - column + 1));
    const gutter = String(line);
    const lines = [
      `${this.name}:${line}:${column}: error[${fault.code}]: ${shortened(fault.sentence)}`,
      ` ${gutter} | ${before}${shown}${cut + shown.length < text.length ? '…' : ''}`,
      ` ${' '.repeat(gutter.length)} | ${' '.repeat(column - 1 - cut + before.length)}${'^'.repeat(carets)}`,
    ];
    const steps = (fault.path ?? []).map(({ at, sentence }) => ({ place: this.place(at), sentence }));
    const width = Math.max(0, ...steps.map(({ place }) => place.length));
    for (const { place, sentence } of steps) lines.push(`  ${place.padEnd(width)}  ${sentence}`);
    if (fault.help !== undefined) lines.push(`help: ${fault.help}`);
    return harmless(lines.join('\n'));
  }
}
