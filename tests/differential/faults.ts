// Faults that the tester must find: each is a small change to the engine's source, made in a copy of it.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import type { Engine } from './engine.ts';

export interface Fault {
  readonly about: string;
  /** In src/riscv. */
  readonly file: string;
  /** Text that stands there exactly once, and what takes its place. */
  readonly find: string;
  readonly replace: string;
}

const SOURCE = fileURLToPath(new URL('../../src/riscv', import.meta.url));

export const FAULTS: readonly Fault[] = [
  {
    about: 'division by zero gives zero',
    file: 'semantics/integer.ts',
    find: 'if (quotient) constant(t, -1);',
    replace: 'if (quotient) constant(t, 0);',
  },
  {
    about: '32-bit results are not sign-extended',
    file: 'semantics/integer.ts',
    find: "t.rs1Low();\n      t.rs2Low();\n      t.op(...ops, 'i64.extend_i32_s');",
    replace: "t.rs1Low();\n      t.rs2Low();\n      t.op(...ops, 'i64.extend_i32_u');",
  },
  {
    about: 'sh1add.uw and its kin sign-extend their first operand',
    file: 'semantics/integer.ts',
    find: "t.op('i64.extend_i32_u');\n      } else t.rs1();",
    replace: "t.op('i64.extend_i32_s');\n      } else t.rs1();",
  },
  {
    about: 'a reservation outlives its SC',
    file: 'semantics/memory.ts',
    find: "t.reservation('RESERVATION', () => t.i64(-1));",
    replace: '',
  },
  {
    about: 'amominu compares as signed',
    file: 'semantics/memory.ts',
    find: "readModifyWriteExtreme(width, 'lt_u')",
    replace: "readModifyWriteExtreme(width, 'lt_s')",
  },
  {
    about: 'ties of round-to-nearest-even are rounded away',
    file: 'softfloat/rounding.ts',
    find: 'if (rest == ${half} && rm == ${RNE}) m = m & ~1L;',
    replace: '',
  },
  {
    about: 'tininess is detected before rounding',
    file: 'softfloat/rounding.ts',
    find: 'let tiny = e < 0 || m + add >= 0L;',
    replace: 'let tiny = 1;',
  },
  {
    about: 'flt is quiet about a quiet NaN',
    file: 'softfloat/comparison.ts',
    find: '_flt(a:i64, b:i64):i64 {\n    if (${F.name}_unordered(a, b)) { fl(${NV}); return 0L; }',
    replace: '_flt(a:i64, b:i64):i64 {\n    if (${F.name}_unordered(a, b)) { ${F.name}_nan(a, b); return 0L; }',
  },
  {
    about: 'a NaN converts to the least integer',
    file: 'softfloat/conversion.ts',
    find: "if (${isNan(F, 'a')}) sign = 0;",
    replace: "if (${isNan(F, 'a')}) sign = 1;",
  },
  {
    about: 'a misaligned superpage is taken',
    file: 'privileged/translation.ts',
    find: 'if ((page & offset) != 0L) return page_fault(va, access);',
    replace: '',
  },
  {
    about: 'a store leaves the D bit alone',
    file: 'privileged/translation.ts',
    find: 'if (access == 1) used = used | 0x80L;',
    replace: '',
  },
  {
    about: 'addresses that are not canonical are translated',
    file: 'privileged/translation.ts',
    find: 'if (va << unused >> unused != va) return page_fault(va, access);',
    replace: '',
  },
  {
    about: 'reserved bits of a page-table entry are ignored',
    file: 'privileged/translation.ts',
    find: '(pte & 1L) == 0L || pte >>> 54L != 0L',
    replace: '(pte & 1L) == 0L',
  },
  {
    about: 'SUM lets S-mode execute from user pages',
    file: 'privileged/translation.ts',
    find: '(access == 2 || (status & 0x40000L) == 0L)',
    replace: '((status & 0x40000L) == 0L)',
  },
  {
    about: 'MXR is ignored',
    file: 'privileged/translation.ts',
    find: '(pte & 2L) != 0L || (status & 0x80000L) != 0L && (pte & 8L) != 0L',
    replace: '(pte & 2L) != 0L',
  },
  {
    about: 'locked PMP entries do not bind M-mode',
    file: 'privileged/pmp.ts',
    find: 'if (mode == 3 && (configuration & 0x80) == 0) return 1;',
    replace: 'if (mode == 3) return 1;',
  },
  {
    about: 'a TOR region begins at zero',
    file: 'privileged/pmp.ts',
    find: 'if (k > 0) low = ld64(PMP_ADDRESS + (k << 3) - 8) << 2L;',
    replace: '',
  },
  {
    about: 'a delegated interrupt is taken in M-mode',
    file: 'privileged/trap.ts',
    find: 'let machine = pending & ~delegated;',
    replace: 'let machine = pending;',
  },
  {
    about: 'a trap to S-mode forgets SIE',
    file: 'privileged/trap.ts',
    find: 'status & ~0x122L | (status & 2L) << 4L',
    replace: 'status & ~0x122L',
  },
  {
    about: 'exceptions are vectored too',
    file: 'privileged/trap.ts',
    find: 'if ((vector & 1L) != 0L && interrupt)',
    replace: 'if ((vector & 1L) != 0L)',
  },
  {
    about: 'mret leaves MPP as it was',
    file: 'privileged/trap.ts',
    find: 'status & ~0x1888L | (status & 0x80L) >>> 4L | 0x80L',
    replace: 'status & ~0x88L | (status & 0x80L) >>> 4L | 0x80L',
  },
  {
    about: 'U-mode reads counters that scounteren hides',
    file: 'privileged/csr.ts',
    find: 'if (mode < 1) enabled = enabled & ld64(SCOUNTEREN);',
    replace: '',
  },
  {
    about: 'mepc loses bit 1',
    file: 'privileged/csr.ts',
    find: 'st64(MEPC, value & ~1L)',
    replace: 'st64(MEPC, value & ~3L)',
  },
  {
    about: 'an instruction that a store has changed keeps its decoded form',
    file: 'interpret/fetch.ts',
    find: 'fill(slot + (first << 2), 0, last - first + 1 << 2);',
    replace: '',
  },
];

/**
 * Faults of the translator; they show when all code is translated. Its own tests look at counts, at code that
 * changes, and at native arithmetic with NX raised. */
export const TRANSLATOR_FAULTS: readonly Fault[] = [
  {
    about: 'a trap is reported behind its instruction',
    file: 'translate/ways.ts',
    find: "this.op('i32.and', 'select', 'i64.sub');",
    replace: "this.op('i32.and', 'select', 'drop');",
  },
  {
    about: 'a load that traps writes its register',
    file: 'translate/slow.ts',
    find: 'st32(LEAVE, 1); return old;',
    replace: 'st32(LEAVE, 1); return value;',
  },
  {
    about: 'native results are taken before NX is raised',
    file: 'translate/target.ts',
    find: "this.op('i64.eq', 'i32.and', 'select');",
    replace: "this.op('i64.eq', 'drop', 'select');",
  },
  {
    about: 'native results are taken while FS is clean',
    file: 'translate/target.ts',
    find: "    this.op('i32.eq');\n    this.set(this.#dirtyStatus);",
    replace: "    this.op('i32.and');\n    this.set(this.#dirtyStatus);",
  },
  {
    about: 'native results that overflow are taken',
    file: 'translate/floating.ts',
    find: '    t.get(t.limit(type));\n    t.op(`${type}.lt`);',
    replace: '    t.get(t.limit(type));\n    t.op(`${type}.le`);',
  },
  {
    about: 'tiny native results are taken',
    file: 'translate/floating.ts',
    find: "t.op(`${type}.gt`, 'i32.eqz');",
    replace: "t.op(`${type}.gt`, 'drop');\n    t.i32(0);",
  },
  {
    about: 'a sum halfway between singles is rounded twice',
    file: 'translate/floating.ts',
    find: 'const HALFWAY = 0x10000000;',
    replace: 'const HALFWAY = 0x10000001;',
  },
  {
    about: 'singles that are not boxed are read as they are',
    file: 'translate/accesses.ts',
    find: 'this.i32(0x7fc00000);',
    replace: "this.get(this.single(register));\n    this.op('i32.reinterpret_f32');",
  },
  {
    about: 'inexact conversions to integers do not raise NX',
    file: 'translate/floating.ts',
    find: "t.op(`${type}.eq`, 'i32.or');\n    }\n    unless",
    replace: "t.op(`${type}.eq`, 'i32.or', 'drop');\n      t.i32(1);\n    }\n    unless",
  },
  {
    about: 'fsflags does not say that native results need NX again',
    file: 'translate/target.ts',
    find: '      this.floatWritten();\n      this.loadNative();',
    replace: '      this.floatWritten();',
  },
  {
    about: 'code that changed is still run',
    file: 'translate/translator.ts',
    find: 'const here = this.#bySlot.get(slot);',
    replace: 'const here = this.#bySlot.get(-slot);',
  },
  {
    about: 'logic on narrow values is taken for all logic',
    file: 'translate/target.ts',
    find: 'return this.#isNarrow(rs1) && this.#isNarrow(rs2);',
    replace: 'return rs1 !== rs2;',
  },
  {
    about: 'high halves of products ignore signs',
    file: 'translate/target.ts',
    find: 'if (!signed) return;',
    replace: 'return;',
  },
  {
    about: 'CSR writes do not look for interrupts',
    file: 'translate/target.ts',
    find: 'if (!writes) return;',
    replace: 'return;',
  },
];

/** The engine with a fault. The fault's text must stand in the source as it is now. */
export async function faultyEngine(fault: Fault): Promise<Engine> {
  const directory = mkdtempSync(join(tmpdir(), 'virtsec-fault-'));
  try {
    cpSync(SOURCE, directory, { recursive: true });
    writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
    const path = join(directory, fault.file);
    const source = readFileSync(path, 'utf8');
    const parts = source.split(fault.find);
    if (parts.length !== 2) throw new Error(`"${fault.find}" stands ${parts.length - 1} times in ${fault.file}`);
    writeFileSync(path, parts.join(fault.replace));
    return (await import(pathToFileURL(join(directory, 'index.ts')).href)) as Engine;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
