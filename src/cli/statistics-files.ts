// Systems that run: each `virtsec run` has a folder of its own in the user's runtime folder, named by its process id, with
// the system's name and, for each guest, the file in which its VMM tells what it counts (docs/design/seams.md, "Statistics").
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Plan } from '../kernel/plan.ts';

const SYSTEM = 'system';
const STATISTICS = 'statistics';
const STATISTICS_BYTES = 65_536;
const HALF_BYTES = STATISTICS_BYTES / 2;
const TEXT_AT = 64;
/** A text that is being replaced while it is read is read again. */
const TRIES = 5;

export interface RunningGuest {
  readonly system: string;
  readonly guest: string;
  readonly pid: number;
  readonly file: string;
}

/** What a hart has counted, by name: whatever numbers its VMM wrote. */
export type Counts = Readonly<Record<string, number>>;
export interface Snapshot {
  /** Since the machine was made. */
  readonly seconds: number;
  readonly harts: readonly Counts[];
}

/** The user's folder for running systems; undefined: it cannot be had, or somebody else has it. */
function runtimeFolder(): string | undefined {
  const uid = process.getuid?.();
  const base = process.env['XDG_RUNTIME_DIR'];
  const folder = base ? join(base, 'virtsec') : join(tmpdir(), `virtsec-${uid ?? 'run'}`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const state = lstatSync(folder);
    if (!state.isDirectory() || (uid !== undefined && state.uid !== uid)) return undefined;
    if ((state.mode & 0o077) !== 0) chmodSync(folder, 0o700);
    return folder;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The plan with a statistics file for each guest, and how to take the files away again. Without a place for them: as it was. */
export function announce(plan: Plan): { plan: Plan; leave: () => void } {
  const folder = runtimeFolder();
  if (folder === undefined) return { plan, leave: () => undefined };
  const own = join(folder, String(process.pid));
  const leave = (): void => rmSync(own, { recursive: true, force: true });
  try {
    leave(); // of a dead process with the same id
    mkdirSync(own, { mode: 0o700 });
    writeFileSync(join(own, SYSTEM), plan.system, { mode: 0o600 });
    const partitions = plan.partitions.map((partition) => {
      if (partition.kind !== 'guest') return partition;
      const path = join(own, `${partition.name}.${STATISTICS}`);
      // All of its bytes: a page that the file system has no room for would end the VMM when it writes there.
      writeFileSync(path, new Uint8Array(STATISTICS_BYTES), { mode: 0o600 });
      return { ...partition, files: [...partition.files, { name: STATISTICS, path, writable: true }] };
    });
    return { plan: { ...plan, partitions }, leave };
  } catch {
    leave();
    return { plan, leave: () => undefined };
  }
}

/** The guests of this user's running systems. Folders of processes that are gone are taken away. */
export function runningGuests(): RunningGuest[] {
  const folder = runtimeFolder();
  if (folder === undefined) return [];
  return readdirSync(folder).flatMap((name) => {
    const own = join(folder, name);
    const pid = Number(name);
    try {
      if (!Number.isInteger(pid)) return []; // a management socket
      if (!isAlive(pid)) {
        rmSync(own, { recursive: true, force: true });
        return [];
      }
      const system = readFileSync(join(own, SYSTEM), 'utf8');
      return readdirSync(own)
        .filter((file) => file.endsWith(`.${STATISTICS}`))
        .map((file) => ({ system, guest: file.slice(0, -STATISTICS.length - 1), pid, file: join(own, file) }));
    } catch {
      return []; // it ends just now
    }
  });
}

/** The guest's statistics file of a plan that was announced. */
export const statisticsFile = (plan: Plan, guest: string): string | undefined =>
  plan.partitions.find(({ name }) => name === guest)?.files.find(({ name }) => name === STATISTICS)?.path;

/** The latest snapshot in a statistics file; undefined: there is none yet, or what stands there is none. */
export function readSnapshot(file: string): Snapshot | undefined {
  for (let n = 0; n < TRIES; n++) {
    const snapshot = parse(readFileSync(file));
    if (snapshot !== undefined) return snapshot;
  }
  return undefined;
}

/** The VMM is not trusted: numbers are taken from what it wrote, nothing else. */
function parse(bytes: Buffer): Snapshot | undefined {
  if (bytes.length !== STATISTICS_BYTES || bytes.readUInt32LE(0) === 0) return undefined;
  const at = (bytes.readUInt32LE(0) % 2) * HALF_BYTES + TEXT_AT;
  const length = Math.min(bytes.readUInt32LE(at), HALF_BYTES - TEXT_AT - 4);
  try {
    const { seconds, harts } = JSON.parse(bytes.toString('utf8', at + 4, at + 4 + length)) as Record<string, unknown>;
    if (!isNumber(seconds) || !Array.isArray(harts) || harts.length === 0) return undefined;
    return { seconds, harts: harts.slice(0, 8).map(numbersOf) };
  } catch {
    return undefined;
  }
}
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const numbersOf = (hart: unknown): Counts =>
  Object.fromEntries(
    Object.entries((hart ?? {}) as Record<string, unknown>).filter(
      (entry): entry is [string, number] => /^[a-zA-Z]{1,32}$/.test(entry[0]) && isNumber(entry[1]),
    ),
  );
