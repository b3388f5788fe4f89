// `virtsec run --metal`: the system's image in our own engine, or in QEMU.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runBare } from '../vmm/hosted/bare.ts';
import { type Call, type Command, usageFailure } from './command.ts';
import { bareImage } from './commands/build.ts';
import { findDescription, readDescriptionFile } from './description-file.ts';
import { EXIT, type ExitStatus, Failure } from './failure.ts';
import type { Io } from './io.ts';
import { checkedDescription } from './plan-source.ts';

/** Memory of the board in MiB. */
const RAM = 64;
/** Options of `run` that speak of things that the bare board does not have, or not yet. */
const TAKEN = ['metal', 'on', 'until', 'timeout', 'json'];

interface End {
  readonly status: ExitStatus;
  readonly transcript: string;
  /** Retired instructions, where they are known. */
  readonly instructions?: number;
}

export async function runOnMetal(command: Command, call: Call, io: Io, seconds: number | undefined): Promise<number> {
  const other = Object.keys(command.options).find((option) => call.has(option) && !TAKEN.includes(option));
  if (other !== undefined) throw usageFailure(command, `--${other} does not go with --metal`);
  const on = call.value('on') ?? 'virtsec';
  if (on !== 'virtsec' && on !== 'qemu') throw usageFailure(command, `--on: \`${on}\` is neither virtsec nor qemu`);
  const file = findDescription('run', call.words[0]);
  const description = checkedDescription(await readDescriptionFile(file));
  const image = bareImage(description, dirname(file));
  const echo = call.has('json') ? () => {} : (text: string) => io.out(text);
  const until = call.value('until');
  const pattern = until === undefined ? undefined : new RegExp(until, 'm');
  const end = on === 'qemu' ? inQemu(image.elf, echo, seconds) : inEngine(image.flat, echo, seconds, pattern);
  if (call.has('json')) {
    const { status, ...rest } = end;
    io.out(`${JSON.stringify({ schema: 'virtsec.metal/1', system: description.system, on, exit: status, ...rest })}\n`);
  }
  return end.status;
}

function inEngine(
  flat: Uint8Array,
  echo: (text: string) => void,
  seconds: number | undefined,
  pattern: RegExp | undefined,
): End {
  const decoder = new TextDecoder();
  const last = seconds === undefined ? Infinity : performance.now() + seconds * 1000;
  let transcript = '';
  let isFound = false;
  const { status, instructions } = runBare(flat, {
    ram: RAM << 20,
    output: (bytes) => {
      const text = decoder.decode(bytes, { stream: true });
      transcript += text;
      echo(text);
      isFound ||= pattern?.test(transcript) ?? false;
    },
    isOver: () => isFound || performance.now() > last,
  });
  if (isFound) return { status: EXIT.ok, transcript, instructions };
  if (status === undefined) return { status: EXIT.timeout, transcript, instructions };
  return { status: status === 0 ? EXIT.ok : EXIT.failed, transcript, instructions };
}

function inQemu(elf: Uint8Array, echo: (text: string) => void, seconds: number | undefined): End {
  const folder = mkdtempSync(join(tmpdir(), 'virtsec-metal-'));
  try {
    const file = join(folder, 'image.elf');
    writeFileSync(file, elf);
    const timing = ['-icount', 'shift=0,sleep=off'];
    const { status, stdout, error, signal } = spawnSync(
      'qemu-system-riscv64',
      ['-M', 'virt', '-m', `${RAM}M`, '-bios', file, '-nographic', ...timing],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
        ...(seconds === undefined ? {} : { timeout: seconds * 1000 }),
      },
    );
    const code = (error as NodeJS.ErrnoException | undefined)?.code;
    if (code === 'ENOENT') {
      throw new Failure(EXIT.usage, 'virtsec run: qemu-system-riscv64 is not here', 'apt install qemu-system-misc');
    }
    echo(stdout);
    if (code === 'ETIMEDOUT' || signal !== null) return { status: EXIT.timeout, transcript: stdout };
    return { status: status === 0 ? EXIT.ok : EXIT.failed, transcript: stdout };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
