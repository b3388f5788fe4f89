// Loads, stores, fences and the A extension.

import type { Name } from '../instructions.ts';
import type { Memory, Plain } from '../wasm/opcodes.ts';
import type { Emit, Semantics, Target } from './target.ts';

const load =
  (instruction: Memory): Semantics =>
  (t) =>
    t.rd(() => t.load(instruction));
/** rd is x0: the access must still happen (it may fault, or reach a device). */
const loadForNothing =
  (instruction: Memory): Semantics =>
  (t) => {
    t.load(instruction);
    t.op('drop');
  };
const store =
  (instruction: Memory): Semantics =>
  (t) =>
    t.store(instruction, () => t.rs2());

type Width = 'w' | 'd';
const logOf = (width: Width): 2 | 3 => (width === 'w' ? 2 : 3);

/** The register's value as the memory operation takes it. */
function operand(t: Target, width: Width): void {
  if (width === 'w') t.rs2Low();
  else t.rs2();
}
/** A memory value as a register holds it. */
function widen(t: Target, width: Width): void {
  if (width === 'w') t.op('i64.extend_i32_s');
}
const typeOf = (width: Width): 'i32' | 'i64' => (width === 'w' ? 'i32' : 'i64');

function loadReserved(width: Width): Semantics {
  return (t) => {
    const host = t.atomicAddress(logOf(width), 'load');
    const value = t.scratch('reserved', 'i64');
    t.get(host);
    t.mem(t.shared ? `${typeOf(width)}.atomic.load` : `${typeOf(width)}.load`);
    widen(t, width);
    t.set(value);
    t.reservation('RESERVATION', () => t.rs1());
    t.reservation('RESERVED_VALUE', () => t.get(value));
    t.rd(() => t.get(value));
  };
}

/**
 * Succeeds if the reservation is for this address and memory still holds the value that LR read. A failing SC does not
 * touch memory, so it does not fault either; after any SC there is no reservation (Unprivileged ISA, "A", 14.2).
 */
function storeConditional(width: Width): Semantics {
  const type = typeOf(width);
  return (t) => {
    const failed = t.scratch('failed', 'i64');
    t.i64(1);
    t.set(failed);
    t.reservation('RESERVATION');
    t.rs1();
    t.op('i64.eq');
    t.if();
    const host = t.atomicAddress(logOf(width), 'store');
    const reserved = (): void => {
      t.reservation('RESERVED_VALUE');
      if (width === 'w') t.op('i32.wrap_i64');
    };
    if (t.shared) {
      t.get(host);
      reserved();
      operand(t, width);
      t.mem(`${type}.atomic.rmw.cmpxchg`);
      reserved();
      t.op(`${type}.ne`, 'i64.extend_i32_u');
      t.set(failed);
    } else {
      t.get(host);
      t.mem(`${type}.load`);
      reserved();
      t.op(`${type}.eq`);
      t.if();
      t.get(host);
      operand(t, width);
      t.mem(`${type}.store`);
      t.i64(0);
      t.set(failed);
      t.end();
    }
    t.end();
    t.reservation('RESERVATION', () => t.i64(-1));
    t.rd(() => t.get(failed));
  };
}

/** `atomic`: the WebAssembly instruction's name; `plain`: the new value from old value and operand. */
function readModifyWrite(width: Width, atomic: 'add' | 'and' | 'or' | 'xor' | 'xchg', plain: Plain | null): Semantics {
  const type = typeOf(width);
  return (t) => {
    const host = t.atomicAddress(logOf(width), 'store');
    const old = t.scratch(`old.${width}`, type);
    t.get(host);
    if (t.shared) {
      operand(t, width);
      t.mem(`${type}.atomic.rmw.${atomic}`);
      t.set(old);
    } else {
      t.mem(`${type}.load`);
      t.set(old);
      t.get(host);
      if (plain) t.get(old);
      operand(t, width);
      if (plain) t.op(plain);
      t.mem(`${type}.store`);
    }
    t.rd(() => {
      t.get(old);
      widen(t, width);
    });
  };
}

/** WebAssembly has no atomic minimum or maximum: compare-exchange until it holds. */
function readModifyWriteExtreme(width: Width, keepsOld: 'lt_s' | 'gt_s' | 'lt_u' | 'gt_u'): Semantics {
  const type = typeOf(width);
  return (t) => {
    const host = t.atomicAddress(logOf(width), 'store');
    const old = t.scratch(`old.${width}`, type);
    const chosen: Emit = () => {
      t.get(old);
      operand(t, width);
      t.get(old);
      operand(t, width);
      t.op(`${type}.${keepsOld}`, 'select');
    };
    t.get(host);
    t.mem(t.shared ? `${type}.atomic.load` : `${type}.load`);
    t.set(old);
    if (t.shared) {
      const seen = t.scratch(`seen.${width}`, type);
      const again = t.loop();
      t.get(host);
      t.get(old);
      chosen();
      t.mem(`${type}.atomic.rmw.cmpxchg`);
      t.tee(seen);
      t.get(old);
      t.get(seen);
      t.set(old);
      t.op(`${type}.ne`);
      t.brIf(again);
      t.end();
    } else {
      t.get(host);
      chosen();
      t.mem(`${type}.store`);
    }
    t.rd(() => {
      t.get(old);
      widen(t, width);
    });
  };
}

export const MEMORY_SEMANTICS: Partial<Record<Name, Semantics>> = {
  lb: load('i64.load8_s'),
  lh: load('i64.load16_s'),
  lw: load('i64.load32_s'),
  ld: load('i64.load'),
  lbu: load('i64.load8_u'),
  lhu: load('i64.load16_u'),
  lwu: load('i64.load32_u'),
  'lb.x0': loadForNothing('i64.load8_s'),
  'lh.x0': loadForNothing('i64.load16_s'),
  'lw.x0': loadForNothing('i64.load32_s'),
  'ld.x0': loadForNothing('i64.load'),
  'lbu.x0': loadForNothing('i64.load8_u'),
  'lhu.x0': loadForNothing('i64.load16_u'),
  'lwu.x0': loadForNothing('i64.load32_u'),
  sb: store('i64.store8'),
  sh: store('i64.store16'),
  sw: store('i64.store32'),
  sd: store('i64.store'),
  fence: (t) => t.atomicFence(),
  pause: (t) => t.helper('pause'),
};
for (const width of ['w', 'd'] as const) {
  const type = typeOf(width);
  MEMORY_SEMANTICS[`lr.${width}`] = loadReserved(width);
  MEMORY_SEMANTICS[`sc.${width}`] = storeConditional(width);
  MEMORY_SEMANTICS[`amoswap.${width}`] = readModifyWrite(width, 'xchg', null);
  MEMORY_SEMANTICS[`amoadd.${width}`] = readModifyWrite(width, 'add', `${type}.add`);
  MEMORY_SEMANTICS[`amoxor.${width}`] = readModifyWrite(width, 'xor', `${type}.xor`);
  MEMORY_SEMANTICS[`amoand.${width}`] = readModifyWrite(width, 'and', `${type}.and`);
  MEMORY_SEMANTICS[`amoor.${width}`] = readModifyWrite(width, 'or', `${type}.or`);
  MEMORY_SEMANTICS[`amomin.${width}`] = readModifyWriteExtreme(width, 'lt_s');
  MEMORY_SEMANTICS[`amomax.${width}`] = readModifyWriteExtreme(width, 'gt_s');
  MEMORY_SEMANTICS[`amominu.${width}`] = readModifyWriteExtreme(width, 'lt_u');
  MEMORY_SEMANTICS[`amomaxu.${width}`] = readModifyWriteExtreme(width, 'gt_u');
}
