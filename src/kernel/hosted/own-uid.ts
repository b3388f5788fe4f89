// Whether partitions can run under user ids of their own on this host.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { MAX_PARTITIONS } from '../plan.ts';

/** User and group of partition p are FIRST_UID + p, or so many more than MAX_PARTITIONS: its spare's are the other ones. */
export const FIRST_UID = 61000;

/** A first path that a process of another uid could not read; undefined: it could read all of them. */
function unreadableToOthers(trees: readonly string[]): string | undefined {
  for (const tree of trees) {
    for (let up = path.dirname(tree); up !== path.dirname(up); up = path.dirname(up)) {
      if ((statSync(up).mode & 0o001) === 0) return up;
    }
    const entries = statSync(tree).isDirectory() ? readdirSync(tree, { recursive: true, withFileTypes: true }) : [];
    for (const file of [tree, ...entries.map((e) => path.join(e.parentPath, e.name))]) {
      const status = statSync(file, { throwIfNoEntry: false });
      const need = status?.isDirectory() ? 0o005 : 0o004;
      if (status !== undefined && (status.mode & need) !== need) return file;
    }
  }
  return undefined;
}

/** user_namespaces(7), "User and group ID mappings": lines of `first-inside first-outside count`. */
function isMapped(map: string): boolean {
  return map.split('\n').some((line) => {
    const [inside, , count] = line.trim().split(/\s+/).map(Number);
    return inside <= FIRST_UID && inside + count >= FIRST_UID + 2 * MAX_PARTITIONS;
  });
}

/** The reason why partitions cannot have user ids of their own here; undefined: they can. `trees`: what they must read. */
export function whyNoOwnUid(trees: readonly string[]): string | undefined {
  if (process.getuid?.() !== 0) return 'the kernel process is not root';
  const CAP_SETGID = 6;
  const CAP_SETUID = 7;
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  for (const capability of [CAP_SETGID, CAP_SETUID]) {
    if (((BigInt(`0x${effective}`) >> BigInt(capability)) & 1n) === 0n)
      return 'the kernel process may not change user ids';
  }
  for (const map of ['/proc/self/uid_map', '/proc/self/gid_map']) {
    if (!isMapped(readFileSync(map, 'utf8'))) return `user ids from ${FIRST_UID} on do not exist in this container`;
  }
  const unreadable = unreadableToOthers(trees);
  return unreadable === undefined ? undefined : `${unreadable} is not readable by other users`;
}
