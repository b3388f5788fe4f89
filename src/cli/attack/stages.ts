// The three attackers of `virtsec attack`, each on a running system of its own: root in the guest, whoever has taken over the
// guest's VMM, whoever has taken over a driver.
import { existsSync, mkdtempSync, chmodSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Layer } from '../../kernel/abi.ts';
import { type Description, endsOf, type Partition } from '../../policy/index.ts';
import type { LoadedSystem } from '../system-file.ts';
import { AttackedSystem } from './attacked-system.ts';
import { ATTEMPTS, type Attempt, evidenceText, stoppedBy } from './attempts.ts';

/** One attempt and what came of it. */
export interface Finding {
  readonly what: string;
  readonly reached: boolean;
  /** Layers that have stopped it, as far as its end tells them apart; nothing: it came to nothing in another way. */
  readonly by: readonly string[];
  readonly evidence: string;
}

export interface Stage {
  readonly attacker: string;
  readonly layers: readonly string[];
  readonly findings: readonly Finding[];
  /** Other partitions that have fallen with it. */
  readonly fallen: readonly string[];
}

export interface Attack {
  readonly system: LoadedSystem;
  readonly guest: Partition;
  readonly without: readonly Layer[];
  /** Called with each finding, as it is found. */
  readonly tell: (finding: Finding) => void;
}

/** Runs `work` on a system that is up, and ends that. */
async function onSystem(
  { system, without }: Attack,
  attacker: string | undefined,
  work: (running: AttackedSystem) => Promise<readonly Finding[]>,
): Promise<Omit<Stage, 'attacker'>> {
  const running = new AttackedSystem(system, attacker, without);
  try {
    await running.started();
    const findings = await work(running);
    return { findings, layers: running.layers, fallen: running.fallen() };
  } finally {
    await running.end();
  }
}

// ---- root in the guest

const BOOT_MS = 120_000;
/** What others get to fall, if they do. */
const AFTERMATH_MS = 500;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function attackAsRoot(attack: Attack): Promise<Stage> {
  const { guest, system } = attack;
  const attacker = `root in the guest ${guest.name}`;
  const peer = peerOf(system.description, guest, 'uart1');
  const ready = new RegExp(system.ready ?? '[#$] $', 'm');
  const stage = await onSystem(attack, undefined, async (running) => {
    const findings: Finding[] = [];
    const find = (what: string, reached: boolean, by: string, evidence: string): void => {
      const finding = { what, reached, by: reached ? [] : [by], evidence };
      findings.push(finding);
      attack.tell(finding);
    };
    /** The output of a command in the guest's shell. */
    const shell = async (command: string): Promise<string | undefined> => {
      const shown = await running.type(`${command}; echo end-$((40+2))`, /^end-42$/m);
      return shown
        ?.slice(shown.indexOf('\n') + 1)
        .replace(/^end-42[^]*/m, '')
        .trim();
    };
    if ((await running.type('', ready, BOOT_MS)) === undefined) throw new Error(`${guest.name} did not boot`);
    await shell('dmesg -n 1');

    // Above its RAM, below it, and far away.
    const outside = [0, 0x4000_0000, 0x8000_0000 + guest.memory, 0x1_0000_0000, 0x40_0000_0000];
    const swept = await shell(
      `for a in ${outside.map((one) => `0x${one.toString(16)}`).join(' ')}; do devmem $a 2>&1; done`,
    );
    const words = swept?.match(/^0x[0-9A-F]{8}$/gm) ?? [];
    find(
      'read physical memory outside its own (/dev/mem)',
      words.length > 0,
      'engine',
      words[0] ?? 'access fault at each address',
    );

    const devices = await shell('ls /sys/block; ls /sys/class/net | grep -v "^lo$"');
    const isAlone = devices === '';
    find(
      'find a disk or a network that leads out',
      !isAlone,
      'plan',
      isAlone ? 'its board has none' : `it has ${devices}`,
    );

    if (peer !== undefined) {
      await shell('exec 3<>/dev/ttyS1; stty -F /dev/ttyS1 raw -echo; { cat <&3 >/tmp/said & }');
      await shell(`printf 'dump key\\n../../etc/shadow\\n\\033[2J\\n' >&3; sleep 1`);
      const said = (await shell('sort -u /tmp/said | head -c 200')) ?? '';
      const isRefused = said === '' || /^refused$/.test(said);
      find(`ask ${peer} for what it may not have`, !isRefused, peer, said === '' ? 'no answer' : `it says: ${said}`);
      await shell('head -c 100000 /dev/urandom >&3; sleep 1');
      const fallen = running.fallen();
      find(
        `flood ${peer} with 100 KB of noise`,
        fallen.length > 0,
        peer,
        fallen.length > 0 ? `${fallen.join(', ')} fell` : 'it runs on',
      );
    }

    await running.type('echo c > /proc/sysrq-trigger', /Kernel panic/);
    await pause(AFTERMATH_MS);
    const fallen = running.fallen();
    find(
      'take others down with its own kernel (panic)',
      fallen.length > 0,
      'partition',
      fallen.length > 0 ? `${fallen.join(', ')} fell` : 'all others run on',
    );
    return findings;
  });
  return { attacker, ...stage };
}

// ---- whoever has taken over a process

/** The partition at the other end of a guest's device. */
function peerOf({ channels }: Description, guest: Partition, device: string): string | undefined {
  const channel = channels.find((one) => one.as === device && endsOf(one).includes(guest.name));
  return channel && endsOf(channel).find((name) => name !== guest.name);
}

/** The guest or application that is the most channels away; of those the last one. */
function prizeOf({ partitions, channels }: Description, from: string): string {
  const distance = new Map([[from, 0]]);
  for (const [name, steps] of distance) {
    for (const channel of channels.filter((one) => endsOf(one).includes(name))) {
      for (const other of endsOf(channel)) if (!distance.has(other)) distance.set(other, steps + 1);
    }
  }
  const far = (name: string): number => distance.get(name) ?? Infinity;
  const others = partitions.filter(
    (one) => one.name !== from && one.form !== 'driver' && one.what !== 'virtsec/operator',
  );
  const farthest = Math.max(...others.map(({ name }) => far(name)));
  return others.findLast(({ name }) => far(name) === farthest)?.name ?? '';
}

export const attackAsVmm = async (attack: Attack): Promise<Stage> => ({
  attacker: `a taken-over VMM of ${attack.guest.name}`,
  ...(await attackAs(attack, attack.guest)),
});

export const attackAsDriver = async (attack: Attack, driver: Partition): Promise<Stage> => ({
  attacker: `a taken-over driver, ${driver.name} (${driver.what})`,
  ...(await attackAs(attack, driver)),
});

function attackAs(attack: Attack, attacker: Partition): Promise<Omit<Stage, 'attacker'>> {
  return onSystem(attack, attacker.name, async (running) => {
    const folder = mkdtempSync(join(tmpdir(), 'virtsec-attack-'));
    // Who owns it is not to be what stops anybody.
    chmodSync(folder, 0o777);
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const place = { port: (server.address() as AddressInfo).port, folder };
    const findings: Finding[] = [];
    try {
      for (const [id, { attempt, target }] of plannedAttempts(attack.system.description, attacker).entries()) {
        const partition = attack.system.description.partitions.findIndex(({ name }) => name === target);
        const pid = partition < 0 ? running.kernelPid : running.pidOf(target);
        const { reached, evidence } = await running.order({ id, attempt: attempt.id, pid, partition, ...place });
        if (attempt.aim === 'peer') await pause(AFTERMATH_MS);
        const fallen = running.fallen();
        const isDone = reached || fallen.length > 0 || connections > 0 || existsSync(join(folder, 'created'));
        const finding = {
          what: attempt.what.replace('*', target),
          reached: isDone,
          by: isDone ? [] : stoppedBy(attempt, evidence, running.layers),
          evidence: fallen.length > 0 ? `${fallen.join(', ')} fell` : evidenceText(evidence),
        };
        findings.push(finding);
        attack.tell(finding);
        connections = 0;
        rmSync(join(folder, 'created'), { force: true });
        if (fallen.length > 0) break; // it is another system now
      }
    } finally {
      server.close();
      rmSync(folder, { recursive: true });
    }
    return findings;
  });
}

interface Planned {
  readonly attempt: Attempt;
  /** The partition that it is aimed at; else the kernel. */
  readonly target: string;
}

function plannedAttempts(description: Description, attacker: Partition): Planned[] {
  const guests = description.partitions
    .filter((one) => one.form === 'guest' && one !== attacker)
    .map(({ name }) => name);
  const prize = prizeOf(description, attacker.name);
  const peer =
    attacker.form === 'guest'
      ? peerOf(description, attacker, 'uart1')
      : description.channels
          .flatMap((one) => (endsOf(one).includes(attacker.name) ? endsOf(one) : []))
          .find((name) => name !== attacker.name);
  return ATTEMPTS.flatMap((attempt): Planned[] => {
    switch (attempt.aim) {
      case 'prize':
        return [{ attempt, target: prize }];
      case 'guests':
        return guests.filter((name) => name !== prize).map((target) => ({ attempt, target }));
      case 'peer':
        return peer === undefined ? [] : [{ attempt, target: peer }];
      case 'kernel':
      case 'host':
        return [{ attempt, target: '' }];
    }
  });
}
