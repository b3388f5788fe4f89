// A program from a seed.

import * as access from './access.ts';
import { Context, SPARED } from './context.ts';
import * as groups from './groups.ts';
import { encode, instructionNamed } from './instructions.ts';
import * as interrupts from './interrupts.ts';
import { DATA_BYTES, TRAP_LIMIT } from './layout.ts';
import * as privileged from './privileged.ts';
import { MACHINE, type Mode, type Program, SUPERVISOR, USER } from './program.ts';
import { Random } from './random.ts';
import { bareSpace, pagedSpace, pmpRegions, type Space } from './space.ts';
import { doubleValue, floatValue, integerValue, singleValue } from './values.ts';

/** What a kind of program is made of: how often each group comes. */
const WEIGHTS = {
  integer: {
    arithmetic: 30,
    hotLoop: 4,
    refresh: 10,
    memory: 20,
    branch: 8,
    shortJump: 5,
    loop: 5,
    selfModifying: 2,
    selfModifyingLoop: 2,
    illegal: 2,
  },
  float: {
    float: 40,
    floatEdge: 10,
    hotLoop: 3,
    refresh: 15,
    memory: 6,
    arithmetic: 4,
    branch: 3,
    loop: 4,
    toggleStatus: 1,
  },
  memory: {
    memory: 30,
    hotLoop: 4,
    atomic: 10,
    reservation: 10,
    refresh: 6,
    arithmetic: 6,
    branch: 3,
    protectedAccess: 6,
    wildJump: 3,
  },
  traps: {
    call: 6,
    illegal: 12,
    anyCsr: 12,
    writeCsr: 14,
    writePmp: 3,
    returnTo: 6,
    wait: 2,
    interrupt: 8,
    timer: 2,
    supervisorTimer: 2,
    wildJump: 4,
    protectedAccess: 5,
    readCounter: 3,
    toggleStatus: 3,
    countInstructions: 2,
    fences: 2,
    arithmetic: 5,
    refresh: 3,
    memory: 3,
    float: 3,
    translated: 2,
    supervisorView: 1,
    selfModifying: 1,
    selfModifyingLoop: 1,
  },
  translation: {
    translated: 30,
    remap: 12,
    wildJump: 8,
    supervisorView: 5,
    returnTo: 4,
    memory: 4,
    refresh: 2,
    arithmetic: 3,
    protectedAccess: 3,
    toggleStatus: 1,
    fences: 1,
    selfModifying: 1,
    selfModifyingLoop: 1,
    interrupt: 1,
  },
} as const;

export type Kind = keyof typeof WEIGHTS;

const MAKERS = { ...groups, ...privileged, ...interrupts, ...access } as unknown as Readonly<
  Record<string, (c: Context) => void>
>;

/** Groups that seldom trap. */
const QUIET: ReadonlySet<string> = new Set([
  'arithmetic',
  'refresh',
  'memory',
  'float',
  'float edge',
  'hot loop',
  'branch',
  'loop',
  'jal',
  'jalr',
  'c.j',
  'c.jr',
  'c.jalr',
  'c.beqz',
  'c.bnez',
  'atomic',
  'reservation',
  'self-modifying',
  'fence',
  'mstatus',
  'SUM, MXR',
]);

/** The program that belongs to a seed; `locked`: with PMP regions that bind M-mode too, until reset. */
export function generate(seed: number, locked = false): Program {
  const random = new Random(seed);
  const kind = locked ? 'memory' : random.weighted<Kind>({ integer: 4, float: 4, memory: 3, traps: 5, translation: 4 });
  const start: Mode = locked ? MACHINE : random.pick([MACHINE, SUPERVISOR, USER]);
  const atomicFaults = random.one(3);
  const paged = kind === 'translation' || random.one(3);
  const space: Space = paged ? pagedSpace(random, random.pick([8, 9]), atomicFaults) : bareSpace();
  let medeleg =
    random.pick([0, privileged.DELEGATABLE, privileged.DELEGATABLE & random.word()]) | (random.one(3) ? 0x100 : 0);
  // QEMU may report the other cause of a pair; the judge can correct that only where both go the same way.
  if (atomicFaults) medeleg = (medeleg & ~0x80c0) | ((medeleg & 0x30) << 2) | ((medeleg & 0x2000) << 2);
  // Environment calls from S-mode are delegated only where the S-mode handler can trap by an illegal instruction.
  const delegateSupervisorCalls = (medeleg & 4) === 0 && random.one(3);
  const mideleg = random.pick([0, 0x222, 0x222 & random.word()]);
  const restrictions = locked ? 4 : kind === 'memory' || kind === 'traps' ? random.below(4) : random.below(2);
  const c = new Context(random, space, start, { medeleg, mideleg, atomicFaults, aligned: restrictions > 0 });
  const wanted = random.between(40, 160);
  const weights: Readonly<Record<string, number>> = WEIGHTS[kind];
  while (c.nextIndex < wanted) {
    if (c.nextIndex >= c.steadyUntil) {
      if (!locked && random.one(25)) c.switchTo(random.pick([MACHINE, SUPERVISOR, USER]));
      MAKERS[random.weighted(weights)](c);
    } else {
      // Something that keeps the mode.
      MAKERS[random.weighted({ arithmetic: 5, refresh: 2, memory: 3, float: 3, atomic: 1, illegal: 1, call: 1 })](c);
    }
    if (random.one(12)) c.add('checkpoint', [c.op('ecall')]);
  }
  c.switchTo(start);
  const pmp = pmpRegions(random, restrictions, locked);
  const status = random.word() & (privileged.MSTATUS.SUM | privileged.MSTATUS.MXR);
  // TSR would trap the S-mode handler's own sret to itself if it had illegal instructions delegated.
  // Where it traps the program's, the mode is not what later groups expect: only where no translation depends on that.
  const returns = (medeleg & 4) === 0 && !paged ? privileged.MSTATUS.TSR : 0;
  const rare = random.one(4)
    ? random.word() & ((paged ? 0 : privileged.MSTATUS.TVM) | privileged.MSTATUS.TW | returns)
    : 0;
  const floating = random.one(kind === 'traps' ? 10 : 40) ? 0 : privileged.MSTATUS.FS;
  const counters = random.below(8);
  const supervisorCounters = random.below(8);
  // Many rounds let values mix; programs that trap often would reach the trap limit.
  const trapping = c.groups.filter((group) => !QUIET.has(group.about)).length;
  const rounds =
    floating === 0 ? 1 : Math.max(1, Math.min(random.pick([2, 4, 8, 16]), Math.floor(TRAP_LIMIT / (trapping + 4))));
  return {
    seed,
    about: `${kind}, starts in ${'US?M'[start]}-mode, ${{ 0: 'bare', 8: 'Sv39', 9: 'Sv48' }[space.satpMode]}`,
    start,
    groups: c.groups,
    rounds,
    x: Array.from({ length: 32 }, () => integerValue(random)),
    f: Array.from({ length: 32 }, () => floatValue(random)),
    windows: space.windows,
    csrs: (arena) => ({
      ...pmp(arena),
      medeleg: BigInt(medeleg | (delegateSupervisorCalls ? 0x200 : 0)),
      mideleg: BigInt(mideleg),
      mcounteren: BigInt(counters),
      scounteren: BigInt(supervisorCounters),
      satp: space.satp(arena),
      mstatus: BigInt(status | rare | floating) | (2n << 32n) | (2n << 34n),
      fcsr: 0n,
    }),
    tables: (arena) => space.tables(arena),
    data: dataPages(random),
    forwardByIllegal: delegateSupervisorCalls,
    vectored: random.one(2),
    locked,
  };
}

/** Data pages full of corner values; pages 0 and 1 begin and end with code that returns through x1. */
function dataPages(random: Random): Uint8Array {
  const bytes = new Uint8Array(DATA_BYTES);
  const view = new DataView(bytes.buffer);
  for (let offset = 0; offset < DATA_BYTES; offset += 8) {
    const value = random.pick([
      integerValue,
      doubleValue,
      floatValue,
      (r: Random) => (singleValue(r) << 32n) | singleValue(r),
    ])(random);
    view.setBigUint64(offset, value, true);
  }
  const ret = 0x8082; // c.jr ra
  const across = encode(instructionNamed('addi'), [6, 6, random.between(-99, 99)]);
  // Pages 2 and 3 may be jumped to as well, but programs store over what is here.
  for (let page = 0; page < DATA_BYTES; page += 0x1000) {
    // The second half of an instruction across the page boundary, then what it returns by.
    view.setUint16(page, across >>> 16, true);
    view.setUint16(page + 2, ret, true);
    view.setUint16(page + 4, ret, true);
    for (let offset = 6; offset < SPARED; offset += 2) view.setUint16(page + offset, ret, true);
    for (let offset = 4096 - SPARED; offset < 4094; offset += 2) view.setUint16(page + offset, ret, true);
    view.setUint16(page + 4094, across & 0xffff, true);
  }
  return bytes;
}
