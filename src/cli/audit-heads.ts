// Where the command keeps how far each audit log was when it last heard of it: apart from the log, so that one that was cut off
// or written anew does not match (XDG Base Directory Specification: $XDG_STATE_HOME).
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import type { AuditHead } from './audit-chain.ts';

type Environment = Readonly<Record<string, string | undefined>>;

function headFile(log: string, env: Environment): string {
  const named = env['XDG_STATE_HOME'] ?? '';
  const state = path.isAbsolute(named) ? named : path.join(homedir(), '.local', 'state');
  const name = createHash('sha256').update(realpathSync(log)).digest('hex').slice(0, 32);
  return path.join(state, 'virtsec', 'audit', `${name}.json`);
}

/** Nothing is kept where the user's state cannot be written: then `verify` says that it has nothing to compare with. */
export function keepHead(log: string, { records, head }: AuditHead, env: Environment): void {
  try {
    const file = headFile(log, env);
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.new`, JSON.stringify({ log: realpathSync(log), records, head }), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  } catch {
    // as said
  }
}

export function keptHead(log: string, env: Environment): AuditHead | undefined {
  try {
    const { records, head } = JSON.parse(readFileSync(headFile(log, env), 'utf8')) as AuditHead;
    return { records, head };
  } catch {
    return undefined;
  }
}
