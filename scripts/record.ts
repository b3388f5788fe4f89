// Records the README's picture: runs `npm start` on a real pseudo-terminal (util-linux's `script`), types a short session,
// and draws what the terminal showed as docs/boot.svg. The kernel's messages are shortened, and the picture says so.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '..');
const COLUMNS = 100;
const ROWS = 40;
const LIMIT_MS = 180_000;

/** What is typed each time the shell's prompt is there. */
const SESSION = [
  'uname -a\r',
  'head -n 4 /proc/cpuinfo\r',
  'for i in 1 2 3; do echo "$((i * i)) from a shell loop"; done\r',
  '\x1dx\r', // the menu, and back
  'poweroff -f\r',
];
const PROMPT = '# \x1b[6n';

/** Kernel messages that are drawn: the first and the last ones. */
const KEPT = { first: 2, last: 2 };
const IS_KERNEL_MESSAGE = /^\[ *\d+\.\d{6}\]/;

interface Style {
  readonly colour: number | undefined;
  readonly bold: boolean;
  readonly dim: boolean;
}

interface Cell {
  readonly text: string;
  readonly style: Style;
}

const PLAIN: Style = { colour: undefined, bold: false, dim: false };

/** A terminal that remembers every line: printing characters, CR, LF, BS, wrapping, and of ECMA-48 SGR, CHA and EL. */
class Screen {
  readonly lines: Cell[][] = [[]];
  #column = 0;
  #style: Style = PLAIN;

  write(output: string): void {
    // oxlint-disable-next-line no-control-regex -- control characters are what a terminal is about
    for (const [token] of output.matchAll(/\x1b\[[0-?]*[ -/]*[@-~]|\x1b[^[]|[^]/gu)) {
      if (token.length > 1 && token.startsWith('\x1b')) this.#control(token);
      else if (token === '\r') this.#column = 0;
      else if (token === '\b') this.#column = Math.max(0, this.#column - 1);
      else if (token === '\t') this.#column = (this.#column | 7) + 1;
      else if (token === '\n') this.#newLine();
      else if (token >= ' ') this.#print(token);
    }
  }

  #print(text: string): void {
    if (this.#column === COLUMNS) {
      this.#column = 0;
      this.#newLine();
    }
    const line = this.lines.at(-1)!;
    while (line.length < this.#column) line.push({ text: ' ', style: PLAIN });
    line[this.#column++] = { text, style: this.#style };
  }

  #newLine(): void {
    this.lines.push([]);
  }

  #control(sequence: string): void {
    if (sequence.endsWith('G')) this.#column = Math.max(1, Number(sequence.slice(2, -1))) - 1;
    if (sequence.endsWith('K')) this.lines.at(-1)!.length = Math.min(this.lines.at(-1)!.length, this.#column);
    if (!sequence.endsWith('m')) return;
    for (const code of sequence.slice(2, -1).split(';').map(Number)) {
      if (code === 0) this.#style = PLAIN;
      else if (code === 1) this.#style = { ...this.#style, bold: true };
      else if (code === 2) this.#style = { ...this.#style, dim: true };
      else if (code >= 30 && code <= 37) this.#style = { ...this.#style, colour: code - 30 };
      else if (code === 39) this.#style = { ...this.#style, colour: undefined };
    }
  }
}

/** Runs the session to its end; what the terminal received. */
function record(): Promise<string> {
  return new Promise((resolve, reject) => {
    const command = `stty rows ${ROWS} cols ${COLUMNS}; exec npm start`;
    const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
      cwd: ROOT,
      env: { ...process.env, TERM: 'xterm-256color', npm_config_update_notifier: 'false' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let output = '';
    let seen = 0;
    let next = 0;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const prompt = output.indexOf(PROMPT, seen);
      if (prompt < 0 || next === SESSION.length) return;
      seen = prompt + PROMPT.length;
      const keys = SESSION[next++];
      setTimeout(() => child.stdin.write(keys), 200); // as a person would, after the prompt
    });
    const timer = setTimeout(() => child.kill(), LIMIT_MS);
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(timer);
      if (status === 0 && next === SESSION.length) resolve(output);
      else reject(new Error(`the session ended with status ${status} after ${next} commands:\n${output.slice(-2000)}`));
    });
  });
}

const plainText = (line: readonly Cell[]): string => line.map((cell) => cell.text).join('');

const words = (text: string, style: Style): Cell[] => [{ text, style }];

/** The command itself, then the lines, with most of the kernel's messages left out in one place. */
function chooseLines(lines: readonly Cell[][]): Cell[][] {
  const isKernel = lines.map((line) => IS_KERNEL_MESSAGE.test(plainText(line)));
  const first = isKernel.indexOf(true);
  const prompt = lines.findIndex((line) => plainText(line).startsWith('~ # '));
  const last = isKernel.lastIndexOf(true, prompt);
  const left = last - first + 1 - KEPT.first - KEPT.last;
  const chosen = [
    [...words('$ ', { ...PLAIN, colour: 2 }), ...words('npm start', { ...PLAIN, bold: true })],
    ...lines.slice(0, first + KEPT.first),
    words(`    ... ${left} more lines of Debian's kernel ...`, { ...PLAIN, dim: true }),
    ...lines.slice(last - KEPT.last + 1),
  ];
  // Never more than one empty line in a row.
  return chosen.filter((line, i) => line.length > 0 || (i > 0 && chosen[i - 1].length > 0));
}

const COLOURS = ['#6e7681', '#ff7b72', '#7ee787', '#e3b341', '#79c0ff', '#d2a8ff', '#76e3ea', '#e6edf3'];
const LINE = 18;
const CHARACTER = 7.83;
const PADDING = 18;
const BAR = 34;

const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function drawLine(line: readonly Cell[], y: number): string {
  let spans = '';
  for (let from = 0; from < line.length;) {
    const { style } = line[from];
    let to = from;
    while (to < line.length && line[to].style === style) to++;
    const text = escapeXml(plainText(line.slice(from, to)));
    const look = [
      style.colour === undefined ? '' : ` fill="${COLOURS[style.colour]}"`,
      style.bold ? ' font-weight="bold"' : '',
      style.dim ? ' opacity="0.6"' : '',
    ].join('');
    spans += look === '' ? text : `<tspan${look}>${text}</tspan>`;
    from = to;
  }
  return `<text x="${PADDING}" y="${y}" xml:space="preserve">${spans}</text>`;
}

function drawPicture(lines: readonly Cell[][]): string {
  const width = Math.round(COLUMNS * CHARACTER + 2 * PADDING);
  const height = BAR + lines.length * LINE + PADDING;
  const dots = COLOURS.slice(1, 4).map((colour, i) => `<circle cx="${20 + 18 * i}" cy="17" r="5.5" fill="${colour}"/>`);
  const texts = lines.flatMap((line, i) => (line.length === 0 ? [] : [drawLine(line, BAR + (i + 1) * LINE - 4)]));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>A terminal: npm start boots Debian for riscv64 in a Virtsec partition, to its shell and back</title>
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
${dots.join('')}
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13" fill="#e6edf3">
${texts.join('\n')}
</g>
</svg>
`;
}

const screen = new Screen();
screen.write(await record());
const lines = chooseLines(screen.lines);
while (lines.at(-1)?.length === 0) lines.pop();
const file = path.join(ROOT, 'docs/boot.svg');
writeFileSync(file, drawPicture(lines));
console.log(`${path.relative(ROOT, file)}: ${lines.length} lines`);
