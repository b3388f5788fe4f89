// The small root file system of the `debian` image: Debian's static busybox, links for its applets, and an /init.
//
// The links stand in the archive: `busybox --install` at boot would cost the guest some hundred system calls and a process.

import { createHash } from 'node:crypto';
import { type CpioEntry, writeCpio } from './cpio.ts';

/** Linux's numbers of these devices (Linux, Documentation/admin-guide/devices.txt). */
const CONSOLE = { major: 5, minor: 1 };
const NULL = { major: 1, minor: 3 };

/**
 * Only builtins of the shell before the first prompt, but for the mounts: each program started costs the guest about a
 * million instructions.
 *
 * /dev/console can be no controlling terminal (no job control, no Ctrl-C), so the shell gets the terminal behind it: the
 * last name in `active`. `LINES` and `COLUMNS` on the kernel's command line come here as variables.
 */
const INIT = `#!/bin/sh
export PATH=/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
echo virtsec >/proc/sys/kernel/hostname
read -r active </sys/class/tty/console/active
tty=/dev/\${active##* }
[ -c "$tty" ] || tty=/dev/console
[ -n "$LINES" ] && [ -n "$COLUMNS" ] && stty -F "$tty" rows "$LINES" cols "$COLUMNS"
unset LINES COLUMNS
read -r _ _ release _ </proc/version
echo "Linux $release, in a Virtsec partition of its own. 'exit' powers off."
cd /root
export PS1='\\w # ' ENV=/etc/shrc
while :; do
  setsid -c sh <"$tty" >"$tty" 2>&1
  poweroff -f
done
`;

/** Process 1 is a shell script, and deaf to the signals by which busybox's commands would ask it. */
const SHELL_START = `alias poweroff='poweroff -f' halt='poweroff -f' reboot='reboot -f'
`;

/**
 * The names that this busybox serves, read from the table in the program itself: its applets' names in sorted order, each
 * ended by NUL, which begins with `[` and `[[`. An empty list when there is no such table.
 */
export function busyboxApplets(program: Uint8Array): string[] {
  const bytes = Buffer.from(program.buffer, program.byteOffset, program.byteLength);
  const start = bytes.indexOf('\0[\0[[\0', 0, 'latin1');
  if (start < 0) return [];
  const end = bytes.indexOf('\0\0', start + 1, 'latin1');
  const names = bytes.toString('latin1', start + 1, end).split('\0');
  return names.every((name) => /^[\w.[-]+$/.test(name)) ? names : [];
}

/** What the boot and a first look around need, when the table was not found. */
const FEW_APPLETS = [
  'cat',
  'dmesg',
  'echo',
  'ls',
  'mount',
  'poweroff',
  'ps',
  'reboot',
  'setsid',
  'sh',
  'stty',
  'uname',
];

const directory = (path: string, mode = 0o755): CpioEntry => ({ type: 'directory', path, mode });
const link = (path: string, target: string): CpioEntry => ({ type: 'link', path, target });
const file = (path: string, mode: number, data: Uint8Array): CpioEntry => ({ type: 'file', path, mode, data });

/** The archive (cpio, newc, not compressed: inflating costs the guest more than its bytes cost us). */
export function buildInitramfs(busybox: Uint8Array): Uint8Array {
  const applets = busyboxApplets(busybox);
  const links = (applets.length ? applets : FEW_APPLETS).filter((name) => name !== 'busybox' && name !== 'linuxrc');
  return writeCpio([
    directory('bin'),
    directory('dev'),
    directory('etc'),
    directory('proc'),
    directory('root', 0o700),
    directory('sys'),
    directory('tmp', 0o1777),
    directory('usr'),
    link('sbin', 'bin'),
    link('usr/bin', '../bin'),
    link('usr/sbin', '../bin'),
    // The kernel opens /dev/console for /init before anything is mounted.
    { type: 'character', path: 'dev/console', mode: 0o600, ...CONSOLE },
    { type: 'character', path: 'dev/null', mode: 0o666, ...NULL },
    file('init', 0o755, Buffer.from(INIT)),
    file('etc/shrc', 0o644, Buffer.from(SHELL_START)),
    file('bin/busybox', 0o755, busybox),
    ...links.map((name) => link(`bin/${name}`, 'busybox')),
  ]);
}

/** Changes when this version of Virtsec would make another archive of the same busybox. */
export function initramfsRecipe(): string {
  const sample = Buffer.from('\0[\0[[\0linuxrc\0sh\0\0');
  return createHash('sha256').update(buildInitramfs(sample)).digest('hex').slice(0, 16);
}
