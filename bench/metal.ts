// What the metal kernel's operations cost in retired instructions, from a partition's last instruction before the trap to its first one
// after it: our own engine runs an image instruction by instruction and watches the mode. Beside them, where the same operation is
// published, another kernel's figures, which are for other processors: the peer is a number on paper, not a run.
import path from 'node:path';
import { type BarePartition, buildBareSystem } from '../src/compiler/bare-system.ts';
import { Assembler } from '../src/compiler/assemble.ts';
import { x } from '../src/compiler/instructions.ts';
import { openPlanFile } from '../src/kernel/plan-file.ts';
import { bootAsWritten, compileSystem, readDescription } from '../src/policy/index.ts';
import type { Hart } from '../src/riscv/index.ts';
import { runBare } from '../src/vmm/hosted/bare.ts';
import { type Benchmark, type Case, host, median } from './report.ts';

const SYSTEM = `
virtsec: 1
system: bench
partitions:
  caller: { app: ./caller.ts, memory: 64K }
  server: { app: ./server.ts, memory: 64K }
  dies: { app: ./dies.ts, memory: 64K, faults: { trap: cold-restart, restarts: 50 per 1m, backoff: 0us } }
  linux: { guest: { kernel: ./none }, memory: 16M }
channels:
  q16: { queuing: caller -> server, bytes: 16, depth: 8 }
  q64: { queuing: caller -> server, bytes: 64, depth: 8 }
  q1024: { queuing: caller -> server, bytes: 1024, depth: 8 }
  ask: { call: caller -> server, bytes: 64, within: 50ms }
schedules:
  normal: { frame: 4ms, cores: { 0: [{ caller: 0-1ms }, { server: 1ms-2ms }, { dies: 2ms-3ms }, { linux: 3ms-4ms }] } }
`;
const INSTRUCTIONS = 3_000_000;
const CODE = 4096;
const [OP_TIME, OP_SEND, OP_RECEIVE, OP_CALL, OP_FETCH, OP_REPLY, OP_VCPU_RUN] = [7, 10, 11, 17, 18, 19, 33];
/** Instructions of a system call as L4Re publishes them, for x86-64. Its IPC between address spaces, 587 to 613, is a rendezvous. */
const PUBLISHED: ReadonlyMap<string, number> = new Map([['call (TIME)', 148]]);
const OK = 0n;
/** Bytes of messages by the server's handles. */
const SIZES = [16, 64, 1024];

/** A guest that does nothing but call SBI's base extension. */
function smallGuest(): Uint8Array {
  const asm = new Assembler();
  asm.label('again');
  asm.constant(x('a7'), 0x10);
  asm.constant(x('a6'), 0);
  asm.op('ecall', 0);
  asm.jump('again');
  return asm.link(0x8000_0000).bytes;
}

function image(): { flat: Uint8Array; ram: number; sizes: { kernel: number } } {
  const everything = { fileExists: () => true, folderExists: () => true, images: [], firmware: [] };
  const { description, messages } = readDescription('bench.yaml', SYSTEM, everything);
  if (description === undefined) throw new Error(messages.join('\n'));
  const { file, tables } = compileSystem(description, bootAsWritten(description), { rows: 0, columns: 0 });
  const partitions = description.partitions.map(({ name, form }, p): BarePartition => {
    const ports = new Map(tables.ports[p].map((end) => [end.name, end.handle]));
    const common = { name, memory: 0, ports, registers: [] };
    if (form !== 'guest') return { ...common, file: path.join(import.meta.dirname, 'metal', `${name}.ts`) };
    const load = (base: number) => ({
      blobs: [{ address: base, bytes: smallGuest() }],
      entry: base,
      tree: base + CODE,
    });
    return {
      ...common,
      file: path.resolve(import.meta.dirname, '../src/vmm/metal/vmm.ts'),
      guest: { bytes: 1 << 16, load },
    };
  });
  return buildBareSystem(openPlanFile(file).words, partitions, tables.streams);
}

const [X_A0, X_A1, X_A7, PC, MCAUSE] = [10, 11, 17, 32, 4096 + 0x342];
const CAUSE_CALL = 8n;
const CAUSE_LOAD_ACCESS = 5n;
const INTERRUPT = 1n << 63n;
const M = 3;
const S = 1;

/** Instructions by operation, each time that it was carried out. */
function measure(flat: Uint8Array, ram: number): Map<string, number[]> {
  const found = new Map<string, number[]>();
  const note = (name: string, count: number): void => void found.set(name, [...(found.get(name) ?? []), count]);
  let mode = M;
  let entered = { at: 0, mode: M, cause: 0n, operation: 0, handle: 0, bytes: 0 };
  /** Of the last instruction outside the kernel. */
  let pc = 0n;
  let asked = 0;
  const left = (hart: Hart, now: number): void => {
    const { at, cause, operation, handle, bytes } = entered;
    const count = hart.instret - at;
    if (at === 0) note('reset to the first partition', hart.instret);
    else if (cause >= INTERRUPT && entered.mode === S && now !== S)
      note('window switch, from a guest to a program', count);
    else if (entered.mode === S && cause < INTERRUPT && now !== S) note('VMM exit', count);
    else if (operation === OP_VCPU_RUN && cause === CAUSE_CALL && now === S) note('VMM resume', count);
    else if (cause === CAUSE_LOAD_ACCESS) note('restart of a program, memory cleared and loaded', count);
    if (cause !== CAUSE_CALL || entered.mode === S) return;
    const isBehind = hart.readRegister(PC) === pc + 4n;
    if (operation === OP_CALL) asked = count;
    if (!isBehind || hart.readRegister(X_A0) !== OK) return;
    if (operation === OP_TIME) note('call (TIME)', count);
    if (operation === OP_SEND) note(`send, ${bytes} bytes`, count);
    if (operation === OP_RECEIVE) note(`receive, ${SIZES[handle] ?? 0} bytes`, count);
    if (operation === OP_FETCH) asked += count;
    if (operation === OP_REPLY) note('FETCH and REPLY of 64 bytes at a server', asked + count);
  };
  const observe = (hart: Hart): void => {
    const now = hart.mode;
    if (mode !== M && now === M) {
      const [handle, bytes, operation] = [X_A0, X_A1, X_A7].map((r) => Number(hart.readRegister(r)));
      entered = { at: hart.instret, mode, cause: hart.readRegister(MCAUSE), operation, handle, bytes };
      asked = operation === OP_FETCH ? 0 : asked;
    } else if (mode === M && now !== M) left(hart, now);
    if (now !== M) pc = hart.readRegister(PC);
    mode = now;
  };
  runBare(flat, { ram, budget: INSTRUCTIONS, output: () => {}, observe });
  return found;
}

export const benchmark: Benchmark = {
  what: 'instructions of the metal kernel: call, queues, calls of a server, VMM exit and resume, boot',
  run: async ({ note }) => {
    const { flat, ram, sizes } = image();
    note(`${flat.length} bytes, ${INSTRUCTIONS} instructions one by one`);
    const found = measure(flat, Math.max(16 << 20, Math.ceil(ram / (2 << 20)) * (2 << 20)));
    const cases: Case[] = [...found].map(([name, counts]) => ({
      name,
      group: 'metal',
      unit: 'instructions',
      ours: median(counts),
      peer: PUBLISHED.get(name) ?? Number.NaN,
      ratio: (PUBLISHED.get(name) ?? Number.NaN) / median(counts),
      runs: counts.length,
    }));
    return {
      schema: 'virtsec.bench/1',
      name: 'metal',
      host: host(),
      peer: { name: 'L4Re', version: 'as published, x86-64' },
      cases,
      summary: { 'image bytes': flat.length, 'kernel bytes': sizes.kernel },
    };
  },
};
