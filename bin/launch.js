// Plain JavaScript that the system's own Node (20 or later) can read: finds the pinned Node and starts a file with it.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Earliest Node with everything that Virtsec uses (`node:ffi`, TypeScript without a flag). */
const PINNED = [26, 9];
const OLDEST_LAUNCHER = 20;

/** True when this process already runs on a Node that Virtsec can use. */
export function runsOnPinnedNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  return major > PINNED[0] || (major === PINNED[0] && minor >= PINNED[1]);
}

/** Path of the Node that came as an optional dependency, or undefined. */
function findPinnedNode() {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  try {
    const description = createRequire(import.meta.url).resolve(`node-${platform}-${process.arch}/package.json`);
    const path = join(dirname(description), 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {string} sentence
 * @returns {never}
 */
function refuse(sentence) {
  process.stderr.write(`virtsec: ${sentence}\n`);
  process.exit(2);
}

/** The terminal's settings, to be put back if the child dies in raw mode. */
function saveTerminal() {
  if (!process.stdin.isTTY || process.platform === 'win32') return () => {};
  try {
    const settings = execFileSync('stty', ['-g'], { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' }).trim();
    return () => execFileSync('stty', [settings], { stdio: ['inherit', 'ignore', 'ignore'] });
  } catch {
    return () => {};
  }
}

/**
 * Starts `node file ...args` with the pinned Node; this process then passes signals and the exit status on.
 * The child has on descriptor 3 a pipe that ends when this process is gone (VIRTSEC_LAUNCHER: our process id).
 * @param {string} file
 * @param {readonly string[]} args
 */
export function startPinned(file, args) {
  if (Number(process.versions.node.split('.')[0]) < OLDEST_LAUNCHER) {
    refuse(`this is Node ${process.versions.node}: install Node ${OLDEST_LAUNCHER} or later, then run \`npm ci\`.`);
  }
  const again = process.env.VIRTSEC_LAUNCHER === String(process.ppid); // the one that came is too old as well
  const node = again ? undefined : findPinnedNode();
  if (node === undefined) {
    refuse(
      `no Node ${PINNED.join('.')} or later was found for ${process.platform}-${process.arch}: run \`npm ci\` without --omit=optional, or install that Node and start virtsec with it.`,
    );
  }
  const restoreTerminal = saveTerminal();
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', file, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, VIRTSEC_LAUNCHER: String(process.pid) },
  });
  /** @type {NodeJS.Signals[]} */
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => refuse(`${node} cannot be started (${error.message}): run \`npm ci\` again.`));
  child.on('exit', (status, signal) => {
    if (signal === null) process.exit(status ?? 70);
    restoreTerminal();
    for (const name of signals) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}
