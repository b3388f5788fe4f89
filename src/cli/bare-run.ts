// `virtsec run --metal`: the system's image in our own engine, or in QEMU.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Description } from '../policy/index.ts';
import { runBare } from '../vmm/hosted/bare.ts';
import { type Call, type Command, usageFailure } from './command.ts';
import { bareImage } from './commands/build.ts';
import { findDescription, readDescriptionFile } from './description-file.ts';
import { EXIT, type ExitStatus, Failure } from './failure.ts';
import { guestImage } from './images.ts';
import type { Io } from './io.ts';
import { checkedDescription } from './plan-source.ts';
import { Script, type Step } from './script.ts';

const encoder = new TextEncoder();
/** Memory of the board in MiB, at least; more where the system needs it. */
const LEAST_RAM = 64;
/** Options of `run` that speak of things that the bare board does not have, or not yet. */
const TAKEN = ['metal', 'on', 'until', 'expect', 'send', 'timeout', 'json', 'unproved-core'];

interface End {
  readonly status: ExitStatus;
  readonly transcript: string;
  /** Retired instructions, where they are known. */
  readonly instructions?: number;
}

interface Options {
  readonly timeout?: number | undefined;
  readonly steps: readonly Step[];
  readonly until?: RegExp;
}

export async function runOnMetal(command: Command, call: Call, io: Io, options: Options): Promise<number> {
  const other = Object.keys(command.options).find((option) => call.has(option) && !TAKEN.includes(option));
  if (other !== undefined) throw usageFailure(command, `--${other} does not go with --metal`);
  const on = call.value('on') ?? 'virtsec';
  if (on !== 'virtsec' && on !== 'qemu') throw usageFailure(command, `--on: \`${on}\` is neither virtsec nor qemu`);
  const file = findDescription('run', call.words[0]);
  const description = checkedDescription(await readDescriptionFile(file), true);
  const image = await bareImage(description, dirname(file), io, call.has('unproved-core'));
  const echo = call.has('json') ? () => {} : (text: string) => io.out(text);
  const ram = Math.max(LEAST_RAM, 2 * Math.ceil(image.ram / 2 ** 21));
  const limits = {
    ram,
    seconds: options.timeout,
    script: new Script({ ...options, ...(await readyOf(description, io)) }),
  };
  const end = on === 'qemu' ? await inQemu(image.elf, echo, limits) : inEngine(image.flat, echo, limits);
  if (call.has('json')) {
    const { status, ...rest } = end;
    io.out(`${JSON.stringify({ schema: 'virtsec.metal/1', system: description.system, on, exit: status, ...rest })}\n`);
  }
  return end.status;
}

/** What the first guest's console shows when it is up, as hosted: what is typed first waits for it. */
async function readyOf({ partitions }: Description, io: Io): Promise<{ readonly ready?: RegExp }> {
  const guest = partitions.find(({ form }) => form === 'guest');
  const ready = guest?.ready ?? (guest?.what === undefined ? undefined : (await guestImage(guest.what, io)).ready);
  return ready === undefined ? {} : { ready: new RegExp(ready, 'm') };
}

interface Limits {
  /** MiB. */
  readonly ram: number;
  readonly seconds: number | undefined;
  /** What is typed and waited for; when it is done, the run is. */
  readonly script: Script;
}

function inEngine(flat: Uint8Array, echo: (text: string) => void, { ram, seconds, script }: Limits): End {
  const decoder = new TextDecoder();
  const last = seconds === undefined ? Infinity : performance.now() + seconds * 1000;
  let transcript = '';
  const typed: number[] = [...encoder.encode(script.feed().send)];
  let isFound = false;
  const { status, instructions } = runBare(flat, {
    ram: ram * 2 ** 20,
    output: (bytes) => {
      const text = decoder.decode(bytes, { stream: true });
      transcript += text;
      echo(text);
      const { send, done } = script.feed(bytes);
      typed.push(...encoder.encode(send));
      isFound ||= done !== undefined;
    },
    input: () => typed.shift(),
    isOver: () => isFound || performance.now() > last,
  });
  if (isFound) return { status: EXIT.ok, transcript, instructions };
  if (status === undefined) return { status: EXIT.timeout, transcript, instructions };
  return { status: status === 0 ? EXIT.ok : EXIT.failed, transcript, instructions };
}

async function inQemu(elf: Uint8Array, echo: (text: string) => void, limits: Limits): Promise<End> {
  const { ram, seconds, script } = limits;
  const folder = mkdtempSync(join(tmpdir(), 'virtsec-metal-'));
  try {
    const file = join(folder, 'image.elf');
    writeFileSync(file, elf);
    const timing = ['-icount', 'shift=0,sleep=off'];
    const child = spawn(
      'qemu-system-riscv64',
      ['-M', 'virt', '-m', `${ram}M`, '-bios', file, '-nographic', '-no-reboot', ...timing],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    let transcript = '';
    let isFound = false;
    let isLate = false;
    const decoder = new TextDecoder();
    // It may be gone before it has read what was typed.
    child.stdin.on('error', () => {});
    child.stdin.write(script.feed().send);
    child.stdout.on('data', (bytes: Buffer) => {
      const text = decoder.decode(bytes, { stream: true });
      transcript += text;
      echo(text);
      const { send, done } = script.feed(bytes);
      child.stdin.write(send);
      if (!isFound && done !== undefined) {
        isFound = true;
        child.kill();
      }
    });
    const late = setTimeout(
      () => {
        isLate = true;
        child.kill();
      },
      seconds === undefined ? 2 ** 31 - 1 : seconds * 1000,
    );
    const status = await new Promise<number | null>((done, fail) => {
      child.once('error', fail);
      child.once('close', done);
    }).finally(() => clearTimeout(late));
    if (isFound) return { status: EXIT.ok, transcript };
    if (isLate || status === null) return { status: EXIT.timeout, transcript };
    return { status: status === 0 ? EXIT.ok : EXIT.failed, transcript };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Failure(EXIT.usage, 'virtsec run: qemu-system-riscv64 is not here', 'apt install qemu-system-misc');
  } finally {
    rmSync(folder, { recursive: true });
  }
}
