// Starts a program, waits for a pattern in its output, and tells the wall time and CPU time until then: of the program and
// of all processes below it, live or ended, from /proc (proc_pid_stat(5)).

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';

export interface Measured {
  /** Seconds from the start of the program to the pattern. */
  readonly wall: number;
  /** Seconds of user and system time of the whole tree until the pattern. Resolution: 10 ms for each process. */
  readonly cpu: number;
  /** What the program wrote until the pattern. */
  readonly output: string;
}

/** Throws an Error with the end of the output when the program ends before the pattern, or takes too long. */
export async function runUntil(command: readonly string[], pattern: RegExp, timeoutSeconds: number): Promise<Measured> {
  const started = performance.now();
  const child = spawn(command[0], command.slice(1), { stdio: ['pipe', 'pipe', 'pipe'] });
  try {
    let output = '';
    const seen = new Promise<Measured>((resolve, reject) => {
      const fail = (why: string): void =>
        reject(new Error(`${command[0]} ${why}. Its last words:\n${output.slice(-2000)}`));
      const timer = setTimeout(() => fail(`did not get there in ${timeoutSeconds} s`), timeoutSeconds * 1000);
      timer.unref();
      child.once('error', reject);
      child.once('exit', (status, signal) => fail(`ended too early (${signal ?? `status ${status}`})`));
      child.stderr.on('data', (text: Buffer) => (output += text.toString('latin1')));
      child.stdout.on('data', (text: Buffer) => {
        output += text.toString('latin1');
        if (!pattern.test(output.slice(-200))) return;
        clearTimeout(timer);
        resolve({ wall: (performance.now() - started) / 1000, cpu: treeCpuSeconds(child.pid ?? 0), output });
      });
    });
    return await seen;
  } finally {
    await end(child);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = new Promise((resolve) => {
    child.once('exit', resolve);
  });
  child.kill('SIGTERM');
  const insist = setTimeout(() => child.kill('SIGKILL'), 3000);
  await ended;
  clearTimeout(insist);
}

let ticksPerSecond = 0;

/** CPU seconds of this process and all below it, with those that have ended and were waited for. */
export function treeCpuSeconds(root: number): number {
  ticksPerSecond ||= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  const children = new Map<number, number[]>();
  const ticks = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const fields = statFields(name);
    if (fields === undefined) continue;
    const parent = Number(fields[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    // utime, stime; cutime, cstime: those of the children that were waited for
    ticks.set(
      Number(name),
      fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0),
    );
  }
  let sum = 0;
  const queue = [root];
  for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
    sum += ticks.get(pid) ?? 0;
    queue.push(...(children.get(pid) ?? []));
  }
  return sum / ticksPerSecond;
}

/** The fields after the command's name: state, ppid, ... Undefined when the process is gone. */
function statFields(pid: string): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
