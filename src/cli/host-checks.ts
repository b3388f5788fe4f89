// What this host offers to Virtsec, found by asking it. One function = one line of `virtsec doctor`.
import { accessSync, closeSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { aptSources } from '../images/apt.ts';
import { cachedProvenance } from '../images/images.ts';
import { landlockAbi } from '../kernel/hosted/landlock.ts';
import { addSeals, createMemory, SEAL, systemCall, whyNoFfi } from '../kernel/hosted/linux.ts';

export interface Finding {
  readonly name: string;
  readonly group: 'needed' | 'isolation' | 'images' | 'tests';
  readonly ok: boolean;
  /** What was found, or why it is missing. */
  readonly found: string;
  /** What it is for. */
  readonly why: string;
  /** What to do when it is missing. */
  readonly help?: string;
}

const ENOSYS = 38;
/** linux/capability.h */
const CAP_SYS_NICE = 23n;

const isLinux = process.platform === 'linux';
const isRoot = process.getuid?.() === 0;

/** The first folder of PATH that has the program. */
function which(program: string): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // the next one
    }
  }
  return undefined;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function pinnedNode(): Finding {
  const [major, minor] = process.versions.node.split('.').map(Number);
  return {
    name: 'Node',
    group: 'needed',
    ok: major > 26 || (major === 26 && minor >= 9),
    found: `${process.versions.node} (${process.execPath})`,
    why: 'runs Virtsec: 26.9 or later',
    help: 'npm ci (it comes as an optional dependency)',
  };
}

function linuxHost(): Finding {
  return {
    name: 'Linux',
    group: 'isolation',
    ok: isLinux,
    found: isLinux ? read('/proc/sys/kernel/osrelease').trim() : process.platform,
    why: 'the layers below are of Linux; elsewhere partitions are plain processes under the permission model of Node',
    help: 'run it on Linux, for example in a virtual machine',
  };
}

function ffi(): Finding {
  const reason = whyNoFfi();
  return {
    name: 'node:ffi',
    group: 'isolation',
    ok: reason === undefined,
    found: reason ?? 'works',
    why: 'shared-memory streams, and the layers below; without it streams are pipes',
    help: 'start virtsec with the Node that `npm ci` brings',
  };
}

/** `ask` makes system calls: only where node:ffi is there. */
function system(finding: Omit<Finding, 'ok' | 'found' | 'group'>, ask: () => { ok: boolean; found: string }): Finding {
  const reason = whyNoFfi();
  const answer = reason === undefined ? ask() : { ok: false, found: `not asked: ${reason}` };
  return { ...finding, group: 'isolation', ...answer };
}

function landlock(): Finding {
  return system(
    {
      name: 'Landlock',
      why: 'no partition can open a file or (ABI 4) a TCP connection, nor (ABI 6) signal a process outside',
      help: 'boot a kernel with Landlock (Linux 6.12 or later for ABI 6) and `landlock` in its lsm= list',
    },
    () => {
      const abi = landlockAbi();
      return {
        ok: abi >= 1,
        found: abi >= 1 ? `ABI ${abi}${abi < 6 ? ' (6 or later confines more)' : ''}` : 'not in this kernel',
      };
    },
  );
}

function seccomp(): Finding {
  const actions = read('/proc/sys/kernel/seccomp/actions_avail').trim();
  const ok = actions.includes('kill_process');
  return {
    name: 'seccomp',
    group: 'isolation',
    ok,
    found: ok ? 'filters, kill_process' : 'not in this kernel',
    why: 'a partition that breaks out of V8 has only some 50 harmless system calls left',
    help: 'boot a kernel with CONFIG_SECCOMP_FILTER',
  };
}

function sealedMemory(): Finding {
  return system(
    {
      name: 'sealed memory',
      why: 'the reader of a stream cannot write into it (memfd, F_SEAL_FUTURE_WRITE)',
      help: 'boot Linux 5.1 or later',
    },
    () => {
      try {
        const fd = createMemory('virtsec-doctor', 4096);
        addSeals(fd, SEAL.futureWrite);
        closeSync(fd);
        return { ok: true, found: 'works' };
      } catch (error) {
        return { ok: false, found: (error as Error).message };
      }
    },
  );
}

function doorbells(): Finding {
  return system(
    {
      name: 'futex_waitv',
      why: 'the kernel waits for the calls of all partitions at once',
      help: 'boot Linux 5.16 or later',
    },
    () => {
      const ok = systemCall('futex_waitv', 0, 0, 0, 0, 0) !== -ENOSYS;
      return { ok, found: ok ? 'works' : 'not in this kernel' };
    },
  );
}

function ownUsers(): Finding {
  return {
    name: 'own user ids',
    group: 'isolation',
    ok: isRoot,
    found: isRoot ? 'running as root' : `running as user ${process.getuid?.() ?? '?'}`,
    why: 'each partition gets a user id of its own: one more wall between partitions',
    help: 'only root can give it; every other layer works without',
  };
}

/** Folders in which the kernel process would make groups: those of version 1 for memory and pids, else its own of version 2. */
function cgroupFolders(): { readonly version: 1 | 2; readonly folders: readonly string[] } {
  const mounts = read('/proc/self/mounts')
    .split('\n')
    .map((line) => line.split(' '));
  const groups = read('/proc/self/cgroup');
  const folderOf = (type: string, controller: string): string[] => {
    const mount = mounts.find(
      (one) => one[2] === type && (controller === '' || one[3].split(',').includes(controller)),
    );
    const group = new RegExp(
      `^\\d+:${controller === '' ? '' : `(?:[^:]*,)?${controller}(?:,[^:]*)?`}:(/.*)$`,
      'm',
    ).exec(groups)?.[1];
    return mount === undefined || group === undefined ? [] : [join(mount[1], group)];
  };
  const first = ['memory', 'pids'].flatMap((controller) => folderOf('cgroup', controller));
  return first.length === 2 ? { version: 1, folders: first } : { version: 2, folders: folderOf('cgroup2', '') };
}

function cgroup(): Finding {
  const { version, folders } = cgroupFolders();
  let ok = folders.length > 0;
  for (const folder of folders) {
    try {
      accessSync(folder, constants.W_OK);
    } catch {
      ok = false; // not ours to write
    }
  }
  return {
    name: 'cgroup',
    group: 'isolation',
    ok,
    found: ok ? `version ${version}, writable` : folders.length > 0 ? `version ${version}, not writable` : 'none',
    why: 'bounds the memory and the processes of each partition; without it only Linux itself bounds them',
    help: 'as root, or in a delegated group: systemd-run --user --scope -p Delegate=yes virtsec ...',
  };
}

function realTime(): Finding {
  const limit = /^Max realtime priority\s+(\S+)/m.exec(read('/proc/self/limits'))?.[1] ?? '0';
  const capabilities = BigInt(`0x${/^CapEff:\s+([0-9a-f]+)/m.exec(read('/proc/self/status'))?.[1] ?? '0'}`);
  const ok = limit !== '0' || ((capabilities >> CAP_SYS_NICE) & 1n) === 1n;
  return {
    name: 'real-time rights',
    group: 'isolation',
    ok,
    found: ok ? 'SCHED_FIFO may be set' : 'no right to SCHED_FIFO: windows are best effort',
    why: 'time windows are kept whatever else the host does; without it they are best effort',
    help: 'run as root, or raise `rtprio` in /etc/security/limits.conf',
  };
}

async function images(): Promise<Finding[]> {
  const cached = cachedProvenance('debian');
  const sources = await aptSources();
  const apt = sources.length > 0;
  return [
    {
      name: 'debian image',
      group: 'images',
      ok: cached !== undefined,
      found: cached === undefined ? 'not fetched' : `Debian ${cached.suite}`,
      why: 'the guest of `virtsec run hello`; fetched by itself at the first run',
      help: 'virtsec image fetch debian',
    },
    {
      name: 'apt',
      group: 'images',
      ok: apt,
      found: apt ? `with a Debian mirror` : 'no apt with a Debian mirror',
      why: 'fetches guest images and checks their signatures',
      help: 'without apt: virtsec image fetch debian --mirror URL (needs gpgv)',
    },
    tool('xz', 'images', 'unpacks Debian packages', 'xz-utils'),
    tool('gpgv', 'images', 'checks the signature of a mirror that you name', 'gpgv'),
  ];
}

function tool(program: string, group: Finding['group'], why: string, debianPackage: string): Finding {
  const path = which(program);
  const help = `sudo apt-get install --no-install-recommends ${debianPackage}`;
  return { name: program, group, ok: path !== undefined, found: path ?? 'not installed', why, help };
}

/** Everything, in the order in which it is shown. */
export async function examineHost(): Promise<Finding[]> {
  const findings = [pinnedNode(), linuxHost()];
  if (isLinux)
    findings.push(ffi(), landlock(), seccomp(), sealedMemory(), doorbells(), ownUsers(), cgroup(), realTime());
  findings.push(...(await images()));
  findings.push(
    tool('qemu-system-riscv64', 'tests', 'the independent judge of the engine in `npm test`', 'qemu-system-misc'),
  );
  return findings;
}
