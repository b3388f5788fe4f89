// For system tests: runs `bin/virtsec.js` as a person would, and tells what it left behind.

import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '..');

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Command lines of processes that the command started, directly or not, and that were still there half a second after its end. */
  readonly left: readonly string[];
}

export interface CommandOptions {
  /** Added to this process's environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Run as `nobody`, with no group and only these variables. Only as root. */
  readonly asNobody?: boolean;
}

/** Runs `virtsec ...words` to its end. */
export async function virtsec(words: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  const command = [process.execPath, path.join(root, 'bin/virtsec.js'), ...words];
  const prefix = options.asNobody ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
  const [program, ...rest] = [...prefix, ...command];
  const base = options.asNobody ? { PATH: '/usr/bin:/bin' } : process.env;
  const child = spawn(program, rest, { cwd: '/', env: { ...base, ...options.environment } });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  child.stdin.end();
  const seen = new Map<string, string>();
  const watch = setInterval(() => noteDescendants(child.pid ?? 0, seen), 50);
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    return { status, stdout, stderr, left: await survivors(seen) };
  } finally {
    clearInterval(watch);
  }
}

/** A process number comes back; with its start time it names one process. */
const identity = (pid: string, fields: readonly string[]): string => `${pid}:${fields[19]}`;

function noteDescendants(ancestor: number, seen: Map<string, string>): void {
  const parents = new Map<string, { parent: string; key: string }>();
  for (const pid of readdirSync('/proc')) {
    const fields = /^\d+$/.test(pid) ? statFields(pid) : undefined;
    if (fields) parents.set(pid, { parent: fields[1], key: identity(pid, fields) });
  }
  for (const [pid, { key }] of parents) {
    for (let up = parents.get(pid)?.parent; up !== undefined; up = parents.get(up)?.parent) {
      if (up === String(ancestor)) seen.set(key, pid);
    }
  }
}

async function survivors(seen: ReadonlyMap<string, string>): Promise<string[]> {
  const alive = (): string[] =>
    [...seen].flatMap(([key, pid]) => {
      const fields = statFields(pid);
      return fields && fields[0] !== 'Z' && identity(pid, fields) === key ? [pid] : [];
    });
  for (let tries = 0; tries < 10 && alive().length > 0; tries++) {
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
  return alive().map((pid) => `${pid} ${readOr('', `/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`);
}

/** The fields of /proc/PID/stat after the command's name: state, ppid, ... (proc_pid_stat(5)). */
function statFields(pid: string): string[] | undefined {
  const text = readOr(undefined, `/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

function readOr<T>(otherwise: T, file: string): string | T {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return otherwise;
  }
}
