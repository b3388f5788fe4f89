// A system of six partitions, in a ring of queues, of which random ones are killed at random moments. Each must be started again, nobody
// else may end, what the kernel process holds may not grow, and between two that live on no message is lost or out of order.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describedPlan } from '../../tests/partitions/plan.ts';
import { TestSystem, until } from '../../tests/partitions/system.ts';

const PROGRAM = path.join(import.meta.dirname, 'ring.ts');
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
const RESTART_MS = 60_000;
/** For spares to be born, and for what has died to be gone. */
const SETTLE_MS = 120_000;
/** So many kills before what the kernel holds is looked at for the first time: V8 has its code and heap then. */
const WARM_UP = 10;
const GROWTH_MIB = 24;

const describe = (names: readonly string[], budget: number): string => `
virtsec: 1
system: soak
partitions:
${names.map((name) => `  ${name}: { app: ./${name}.ts, memory: 16M, faults: { otherwise: cold-restart, restarts: ${budget} per 2h, backoff: 0us } }`).join('\n')}
channels:
${names
  .map((name, i) => [name, names[(i + 1) % names.length]])
  .map(([from, to]) => `  to-${to}: { queuing: ${from} -> ${to}, bytes: 64, depth: 8, overflow: block }`)
  .join('\n')}
`;

/** What a kernel process holds; -1: this user cannot see it. */
export interface Held {
  readonly memoryMiB: number;
  readonly descriptors: number;
  readonly threads: number;
  readonly processes: number;
}

function heldBy(pid: number): Held {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const number = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  const count = (folder: string): number => {
    try {
      return readdirSync(folder).length;
    } catch {
      return -1; // it is undumpable: root's alone
    }
  };
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    const file = `/proc/${pid}/task/${thread}/children`;
    return existsSync(file) ? readFileSync(file, 'utf8').split(' ').filter(Boolean) : [];
  });
  return {
    memoryMiB: number('VmRSS') / 1024,
    descriptors: count(`/proc/${pid}/fd`),
    threads: number('Threads'),
    processes: children.length,
  };
}

export interface Outcome {
  readonly kills: number;
  /** Messages that were received. */
  readonly messages: number;
  readonly before: Held;
  readonly after: Held;
  /** Milliseconds from a kill to the answer to the new process's HELLO: median and longest. */
  readonly restartMs: readonly [median: number, longest: number];
  readonly wrong: readonly string[];
}

export interface Options {
  /** So many, or as many as there are before `seconds` are over. */
  readonly kills: number;
  readonly seconds: number;
  /** How often each may be started again. */
  readonly budget?: number;
  /** In the ring: 2 to 6. */
  readonly partitions?: number;
}

export async function soak(
  { kills, seconds, budget = 900, partitions = NAMES.length }: Options,
  note: (line: string) => void,
): Promise<Outcome> {
  const names = NAMES.slice(0, partitions);
  const programs = Object.fromEntries(names.map((name) => [name, { program: PROGRAM, config: {} }]));
  const system = new TestSystem(describedPlan(describe(names, budget), programs), { limitMs: (seconds + 300) * 1000 });
  const pids = new Map<string, number>();
  const starts = new Map<string, number>();
  const killed = new Map<string, number>();
  const wrong: string[] = [];
  let messages = 0;
  let taken = 0;
  /** Reads the events that have come. */
  const look = (): void => {
    for (; taken < system.events.length; taken++) {
      const event = system.events[taken];
      if (event.event === 'started') for (const { name, pid } of event.partitions) pids.set(name, pid);
      if (event.event === 'restarted') {
        pids.set(event.name, event.pid);
        starts.set(event.name, (starts.get(event.name) ?? 0) + 1);
      }
      if (
        event.event === 'exit' &&
        (event.signal !== 'SIGKILL' || event.restarts !== true || killed.get(event.partition) !== 1)
      ) {
        wrong.push(`end of ${event.partition}: ${JSON.stringify(event)}`);
      }
      if (event.event === 'exit') killed.set(event.partition, 0);
      if (event.event === 'log' && event.text.startsWith('WRONG')) wrong.push(`${event.partition}: ${event.text}`);
      if (event.event === 'log' && event.text === 'received 100') messages += 100;
    }
  };
  await system.waitFor('started');
  look();
  const times: number[] = [];
  const end = performance.now() + seconds * 1000;
  const random = (n: number): number => Math.floor(Math.random() * n);
  const kill = async (name: string): Promise<void> => {
    const done = starts.get(name) ?? 0;
    killed.set(name, 1);
    const from = performance.now();
    process.kill(pids.get(name)!, 'SIGKILL');
    const isBack = () => (starts.get(name) ?? 0) > done;
    await until(() => {
      look();
      return isBack() || wrong.length > 0;
    }, RESTART_MS);
    if (!isBack()) wrong.push(`${name} was not started again`);
    times.push(performance.now() - from);
  };
  // Each partition and its spare, and nothing that was there in between: so it stands at two looks. On a busy host that takes long, and
  // what is looked at before would be the host's delay.
  const settle = async (most = Infinity): Promise<Held> => {
    const isSettled = () => {
      const { processes, descriptors } = heldBy(system.pid);
      return processes === 2 * names.length && descriptors <= most;
    };
    for (const end = performance.now() + SETTLE_MS; performance.now() < end;) {
      if (!(await until(isSettled, end - performance.now()))) break;
      await delay(200);
      if (isSettled()) return heldBy(system.pid);
    }
    return heldBy(system.pid);
  };
  let before = await settle();
  let count = 0;
  while (count < kills && performance.now() < end && wrong.length === 0) {
    await delay(random(60));
    const name = names[random(names.length)];
    const other = names[random(names.length)];
    // Now and then two at once.
    const victims = random(4) === 0 && other !== name ? [name, other] : [name];
    await Promise.all(victims.map(kill));
    const isWarm = count < WARM_UP && count + victims.length >= WARM_UP;
    count += victims.length;
    if (isWarm) before = await settle();
    if (count % 50 < victims.length)
      note(`${count} kills, ${messages} messages: ${JSON.stringify(heldBy(system.pid))}`);
  }
  // After something else went wrong it may never settle.
  const after = wrong.length > 0 ? heldBy(system.pid) : await settle(before.descriptors);
  look();
  for (const what of ['descriptors', 'threads', 'processes'] as const) {
    if (after[what] > before[what]) wrong.push(`${what}: ${before[what]} before, ${after[what]} after`);
  }
  if (after.memoryMiB > before.memoryMiB + GROWTH_MIB) {
    wrong.push(`memory: ${before.memoryMiB.toFixed(0)} MiB before, ${after.memoryMiB.toFixed(0)} MiB after`);
  }
  system.kill('SIGTERM');
  const status = await system.exited;
  if (status !== 143) wrong.push(`the kernel ended with ${status}: ${system.kernelLog}`);
  const sorted = times.toSorted((a, b) => a - b);
  return { kills: count, messages, before, after, restartMs: [sorted[sorted.length >> 1], sorted.at(-1) ?? 0], wrong };
}
