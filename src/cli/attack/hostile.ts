// The program that `virtsec attack` puts in the place of a VMM or a driver: whoever has taken one over. It has what the plan gives
// to that partition, is jailed like it, and makes system calls that no JavaScript could make, by a handle that it keeps from before
// the jail: what code has that has broken out of V8.
//
// Orders come over the console's stream or the terminal, a line of JSON each, and what came of each goes to the log. Of one that
// ends the partition the kernel tells how it ended.
import { spawnSync } from 'node:child_process';
import { closeSync, readFileSync } from 'node:fs';
import { connect, Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { OP_AUDIT, OP_CALL, OP_SET_MODE, OP_SHUTDOWN, OP_STOP } from '../../kernel/abi.ts';
import { CALLS } from '../../kernel/hosted/call-numbers.ts';
import { addressOf, EPERM, memoryAt, SIGCHLD, systemCall } from '../../kernel/hosted/linux.ts';
import { startPartition } from '../../sdk/index.ts';
import { type Order, READY, type Said } from './order.ts';

const partition = await startPartition();
const { start } = partition;
const { terminal, streams } = start;
/** The stream that orders come over, where there is no terminal. */
const console = (start.config['devices'] as { readonly uart0?: string } | undefined)?.uart0 ?? '';

const AT_FDCWD = -100;
const O_CREATE = 0o101; // and open it for writing
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const PTRACE_SEIZE = 0x4206;
/** Where Node's own program lies in memory, which is not position-independent: the same in every process of the system. */
const PROGRAM_START = 0x400000n;
const PAGE = 4096;
const DESCRIPTORS = 64;
const EBADF = 9;
const FIRST_FREE_OPERATION = 99;

// Everything that needs node:ffi is prepared before the right to use it is given up.
const shared = partition.share();
const rings = shared.transport === 'memory' ? shared.rings : [];
const firstWords = rings.map(({ data }) => new Int32Array(memoryAt(data, PAGE)));
const kept: NodeJS.ArrayBufferView[] = [];
/** The address of a value that stays where it is. */
function at(view: NodeJS.ArrayBufferView): bigint {
  kept.push(view);
  return addressOf(view);
}
const name = new Uint8Array(PAGE);
const nameAt = at(name);
const passwords = at(new TextEncoder().encode('/etc/passwd\0'));
const program = at(new TextEncoder().encode('/bin/true\0'));
const programArguments = at(new BigUint64Array([program, 0n]));
const nothing = at(new BigUint64Array(16));
const stolen = at(new Uint8Array(16));
const local = at(new BigUint64Array([stolen, 16n]));
const remote = at(new BigUint64Array([PROGRAM_START, 16n]));
const address = new Uint8Array(16);
const addressAt = at(address);

const said = (result: number): Said => (result < 0 ? { errno: -result } : { reached: true });

function open(path: bigint, flags: number): Said {
  const descriptor = systemCall(CALLS.openat, AT_FDCWD, path, flags, 0o600);
  if (descriptor >= 0) closeSync(descriptor);
  return said(descriptor);
}

function named(path: string): bigint {
  new TextEncoder().encodeInto(`${path}\0`, name);
  return nameAt;
}

/** An operation that is not this partition's to make. */
function operation(op: number, a0 = 0): Said {
  const result = partition.operate(op, a0, 0, 0, undefined, (answer) => answer);
  return result === 0 ? { reached: true } : { errno: result };
}

const code = (error: unknown): Said => ({ code: String((error as NodeJS.ErrnoException).code ?? error) });
const done: Said = { reached: true };

const ATTEMPTS: Readonly<Record<string, (order: Order) => Said | Promise<Said>>> = {
  // ---- by system calls
  'read-memory': ({ pid }) => said(systemCall(CALLS.process_vm_readv, pid, local, 1, remote, 1, 0)),
  'open-memory': ({ pid }) => open(named(`/proc/${pid}/mem`), 0),
  trace: ({ pid }) => said(systemCall(CALLS.ptrace, PTRACE_SEIZE, pid, 0, 0)),
  signal: ({ pid }) => said(systemCall(CALLS.kill, pid, 0)),
  open: () => open(passwords, 0),
  create: ({ folder }) => open(named(`${folder}/created`), O_CREATE),
  connect({ port }) {
    address.set([2, 0, port >> 8, port & 255, 127, 0, 0, 1]);
    const socket = systemCall(CALLS.socket, 2, 1, 0);
    return said(socket < 0 ? socket : systemCall(CALLS.connect, socket, addressAt, address.length));
  },
  // The child finds none of V8's heap (MADV_DONTFORK) and dies where it returns to JavaScript.
  fork: () => said(systemCall(CALLS.clone, SIGCHLD, 0, 0, 0, 0)),
  // In place: done, this process has become /bin/true and ends with status 0.
  exec: () => said(systemCall(CALLS.execve, program, programArguments, nothing)),
  'io-uring': () => said(systemCall('io_uring_setup', 1, nothing)),
  'write-incoming'() {
    const ring = rings[streams.findIndex(({ direction }) => direction === 'in')];
    return said(systemCall(CALLS.mprotect, ring.data, PAGE, PROT_READ_WRITE));
  },
  'map-again'() {
    const map = (descriptor: number): number => systemCall('mmap', 0, PAGE, PROT_READ_WRITE, MAP_SHARED, descriptor, 0);
    const results = Array.from({ length: DESCRIPTORS }, (_, descriptor) => map(descriptor));
    return results.some((result) => result >= 0) ? done : { errno: results.includes(-EPERM) ? EPERM : EBADF };
  },
  // ---- by what Node offers
  'js-open'() {
    readFileSync('/etc/passwd');
    return done;
  },
  'js-connect': ({ port }) =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(done);
      });
      socket.on('error', (error) => resolve(code(error)));
    }),
  'js-exec'() {
    const { error } = spawnSync('/bin/true');
    return error === undefined ? done : code(error);
  },
  'js-ffi'() {
    process.getBuiltinModule('node:ffi').dlopen(null, {});
    return done;
  },
  'js-thread': () =>
    new Promise((resolve) => {
      const worker = new Worker('', { eval: true });
      worker.on('online', () => resolve(done)).on('error', (error) => resolve(code(error)));
    }),
  // ---- by calls to the kernel
  'forge-call': () => operation(OP_CALL),
  'forge-stop': () => operation(OP_STOP),
  'forge-mode': () => operation(OP_SET_MODE),
  'forge-shutdown': () => operation(OP_SHUTDOWN),
  'forge-audit': ({ partition }) => operation(OP_AUDIT, partition),
  'forge-operation': () => operation(FIRST_FREE_OPERATION),
  // ---- by shared memory
  lie() {
    const end = streams.findIndex((stream) => stream.direction === 'out' && stream.name !== console);
    // More bytes than the ring holds.
    firstWords[end][0] = (firstWords[end][0] + 0x40000000) | 0;
    partition.notify(end);
    return { errno: 0 };
  },
};

async function carryOut(order: Order): Promise<void> {
  let outcome: Said;
  try {
    outcome = await ATTEMPTS[order.attempt](order);
  } catch (error) {
    outcome = code(error);
  }
  partition.log(JSON.stringify({ id: order.id, ...outcome }));
}

let rest = '';
let turn = Promise.resolve();
function take(bytes: Uint8Array): void {
  const lines = (rest + Buffer.from(bytes).toString('latin1')).split('\n');
  rest = lines.pop()!;
  for (const line of lines) if (line !== '') turn = turn.then(() => carryOut(JSON.parse(line) as Order));
}

const orders = terminal === undefined ? partition.consumer(console) : undefined;
/** Does not read by itself (net.js, `manualStart`): this may be a process that waits to take the place of another, whose orders it must leave. */
const unread = { fd: terminal?.input ?? -1, readable: true, writable: false, manualStart: true };
const keys = terminal === undefined ? undefined : new Socket(unread);
partition.onWake(({ stopping }) => {
  if (stopping) partition.exit(0);
  const buffer = new Uint8Array(PAGE);
  while (orders !== undefined) {
    const bytes = orders.read(buffer);
    if (bytes > 0) take(buffer.slice(0, bytes));
    else if (orders.closed || orders.waitForData()) break;
  }
});
await partition.seal();
await partition.hello();
keys?.on('data', take);
partition.log(JSON.stringify({ id: READY }));
