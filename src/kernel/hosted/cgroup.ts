// Limits of memory and of threads for each partition's process, by control groups (cgroups(7)), where this process may make some:
// version 1 as root, version 2 in a subtree that was delegated to the user. A partition is put into its group before its HELLO
// is answered, so before it has seen anything from outside.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface Limits {
  /** Bytes. */
  readonly memory: number;
  /** Threads and processes. */
  readonly tasks: number;
}

interface Hierarchy {
  /** The group in which this kernel process makes its own. */
  readonly base: string;
  /** Files of a group, by what is written into them. */
  readonly files: Readonly<Partial<Record<keyof Limits, string>>>;
  /** The file and the word in it that count those killed for want of memory. */
  readonly kills?: readonly [file: string, word: string];
}

/** Groups of this kernel process: `virtsec-PID`, one below for each process of a partition. */
const OWN = `virtsec-${process.pid}`;

/** The one below for this process itself, in version 2. */
const SELF = 'kernel';

/** The mount point of each version's controller (proc_pid_mounts(5)), and the group in it that this process is in. */
function findHierarchies(): Hierarchy[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  const groups = readFileSync('/proc/self/cgroup', 'utf8')
    .split('\n')
    .map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line));
  const baseOf = (mount: string[] | undefined, controller: string): string | undefined => {
    const group = groups.find((one) => one !== null && one[1].split(',').includes(controller))?.[2];
    return mount === undefined || group === undefined ? undefined : path.join(mount[1], group);
  };
  const v1 = (controller: string) =>
    baseOf(
      mounts.find(([, , type, options]) => type === 'cgroup' && options.split(',').includes(controller)),
      controller,
    );
  const memory = v1('memory');
  const pids = v1('pids');
  if (memory !== undefined && pids !== undefined) {
    return [
      { base: memory, files: { memory: 'memory.limit_in_bytes' }, kills: ['memory.oom_control', 'oom_kill'] },
      { base: pids, files: { tasks: 'pids.max' } },
    ];
  }
  const v2 = baseOf(
    mounts.find(([, , type]) => type === 'cgroup2'),
    '',
  );
  if (v2 === undefined) return [];
  return [{ base: v2, files: { memory: 'memory.max', tasks: 'pids.max' }, kills: ['memory.events', 'oom_kill'] }];
}

export class Cgroups {
  readonly #hierarchies: readonly Hierarchy[];

  private constructor(hierarchies: readonly Hierarchy[]) {
    this.#hierarchies = hierarchies;
  }

  /** A text: why there can be none here. */
  static open(): Cgroups | string {
    try {
      const hierarchies = findHierarchies();
      if (hierarchies.length === 0) return 'this host has no control groups for memory and pids';
      const groups = new Cgroups(hierarchies);
      groups.#prepare();
      return groups;
    } catch (error) {
      return `no control group can be made (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`;
    }
  }

  /** The folders below which it makes and removes groups. */
  get bases(): string[] {
    return this.#hierarchies.map(({ base }) => base);
  }

  #prepare(): void {
    for (const { base } of this.#hierarchies) {
      removeLeftovers(base);
      const own = path.join(base, OWN);
      mkdirSync(own);
      // Version 2: a group's children have the controllers that it hands on, and it may hold no process itself then: this process and the
      // command that has started it go into one of their own. Who else is in the group is in the way.
      if (existsSync(path.join(base, 'cgroup.controllers'))) {
        mkdirSync(path.join(own, SELF));
        const inBase = readFileSync(path.join(base, 'cgroup.procs'), 'utf8').split('\n');
        for (const pid of [process.pid, process.ppid].map(String)) {
          if (inBase.includes(pid)) writeFileSync(path.join(own, SELF, 'cgroup.procs'), pid);
        }
      }
      for (const group of [base, own]) {
        const control = path.join(group, 'cgroup.subtree_control');
        if (existsSync(control) && !readFileSync(control, 'utf8').includes('memory'))
          writeFileSync(control, '+memory +pids');
      }
    }
  }

  /** Puts a process of a partition into a new group with these limits. Throws. */
  confine(id: number, pid: number, limits: Limits): void {
    for (const { base, files } of this.#hierarchies) {
      const group = path.join(base, OWN, String(id));
      mkdirSync(group, { recursive: true });
      for (const [limit, file] of Object.entries(files)) {
        writeFileSync(path.join(group, file), String(limits[limit as keyof Limits]));
      }
      writeFileSync(path.join(group, 'cgroup.procs'), String(pid));
    }
  }

  /** After the death of its process: whether it was for want of memory. Its group goes. */
  release(id: number): boolean {
    let wasOutOfMemory = false;
    for (const { base, kills } of this.#hierarchies) {
      const group = path.join(base, OWN, String(id));
      try {
        if (kills !== undefined) {
          const count = new RegExp(`^${kills[1]} (\\d+)`, 'm').exec(readFileSync(path.join(group, kills[0]), 'utf8'));
          wasOutOfMemory ||= count !== null && count[1] !== '0';
        }
        rmdirSync(group);
      } catch {
        // It was never in one, or something of it is still there: the group stays until the next kernel process.
      }
    }
    return wasOutOfMemory;
  }

  /** The system has ended. */
  close(): void {
    for (const { base } of this.#hierarchies) removeGroup(path.join(base, OWN));
  }
}

/** Groups of kernel processes that were killed. */
function removeLeftovers(base: string): void {
  for (const name of readdirSync(base)) {
    const pid = /^virtsec-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) removeGroup(path.join(base, name));
  }
}

function removeGroup(group: string): void {
  try {
    for (const one of readdirSync(group, { withFileTypes: true })) {
      if (one.isDirectory()) rmdirSync(path.join(group, one.name));
    }
    rmdirSync(group);
  } catch {
    // as above
  }
}
