// A description's text, and the messages that point into it: FILE:LINE:COLUMN, a sentence, the line with a caret.

/** Half-open range of UTF-16 offsets in the text. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

export interface Fault {
  /** `VSNNN`: leads to its page in docs/. */
  readonly code: string;
  readonly at: Range;
  /** What is wrong, without a full stop. */
  readonly sentence: string;
  /** What to write instead. */
  readonly help?: string;
}

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

  /** The message as it is printed, without a final newline. */
  format(fault: Fault): string {
    const { line, column } = this.position(fault.at.start);
    const start = this.#lineStarts[line - 1];
    const rest = this.text.slice(start);
    const text = (/^[^\r\n]*/.exec(rest)?.[0] ?? '').replaceAll('\t', ' ');
    const carets = Math.max(1, Math.min(fault.at.end - fault.at.start, text.length - column + 1));
    const gutter = String(line);
    const lines = [
      `${this.name}:${line}:${column}: error[${fault.code}]: ${fault.sentence}`,
      ` ${gutter} | ${text}`,
      ` ${' '.repeat(gutter.length)} | ${' '.repeat(column - 1)}${'^'.repeat(carets)}`,
    ];
    if (fault.help !== undefined) lines.push(`help: ${fault.help}`);
    return lines.join('\n');
  }
}
