// Groups that interrupt: software interrupts at a given step, timers at a given instruction count, and waiting for them.

import type { Context } from './context.ts';
import { sparing } from './groups.ts';
import { MSIP, MTIME, MTIMECMP } from './layout.ts';
import { MSTATUS } from './privileged.ts';
import { type Item, MACHINE, SUPERVISOR, USER } from './program.ts';
import { CSR } from './registers.ts';

/** wfi while an enabled interrupt is pending but masked: it returns at once (3.3.3). */
export function wait(c: Context): void {
  if (!c.machine) {
    // Illegal in U-mode; but where TSR may have kept a program in S-mode it would wait for ever.
    if (c.mode === USER && (c.medeleg & 4) !== 0) c.add('wfi in U', [c.op('wfi')]);
    return;
  }
  const value = c.register();
  c.add('wfi', [
    c.op('csrrci', 0, CSR.mstatus, MSTATUS.MIE),
    c.op('addi', value, 0, 2),
    c.op('csrrs', 0, CSR.mie, value),
    c.op('csrrs', 0, CSR.mip, value),
    c.op('wfi'),
    c.op('csrrc', 0, CSR.mip, value),
  ]);
}

/** Interrupts made pending and enabled in a random order: each is taken right behind the last of the steps. */
export function interrupt(c: Context): void {
  if (c.machine) machineInterrupt(c);
  else if (c.mode === SUPERVISOR) {
    const bit = c.register();
    // One that M-mode made pending may still be: not beside it (see machineInterrupt).
    const raised = c.interrupts & 0x200 ? 0x200 : 2;
    const steps = shuffle(c, [
      c.op('csrrs', 0, CSR.sip, bit),
      c.op('csrrs', 0, CSR.sie, bit),
      c.op('csrrsi', 0, CSR.sstatus, MSTATUS.SIE),
    ]);
    c.add('interrupt in S', [
      c.op('addi', bit, 0, raised),
      ...steps,
      c.op('csrrci', c.register(), CSR.sstatus, MSTATUS.SIE),
      c.op('csrrc', c.register([bit]), CSR.sip, bit),
      c.op('csrrc', 0, CSR.sie, bit),
    ]);
  } else c.add('interrupt in U', [c.op('csrrsi', c.register(), CSR.sip, c.interrupts & 0x200 ? 0 : 2)]);
}

function machineInterrupt(c: Context): void {
  const { random } = c;
  const bits = c.register();
  const enable = c.register([bits]);
  const device = c.register([bits, enable]);
  const steps = [c.op('csrrs', 0, CSR.mie, enable), c.op('csrrs', 0, CSR.mip, bits)];
  const pending = c.interrupts;
  const begin: Item[] = [...c.li(bits, pending), ...c.li(enable, random.one(3) ? 0xaaa & random.word() : pending | 8)];
  // QEMU 7.2 takes the lowest bit first, not in the architecture's order (3.1.9): no two that it would swap.
  if ((pending & ~c.mideleg & 0x22) === 0 && random.one(2)) {
    // A store to the interrupt controller shows only when interrupts are enabled later.
    const one = c.register([bits, enable, device]);
    begin.push(
      c.op('csrrci', 0, CSR.mstatus, MSTATUS.MIE),
      ...c.li(device, MSIP),
      c.op('addi', one, 0, 1),
      c.op('sw', one, 0, device),
      c.op('fence.i'),
    );
  }
  const leave = random.below(3);
  if (leave > 0) {
    // Delegated ones stay pending in M-mode and are taken in the mode that comes.
    const sie = c.register([bits, enable, device]);
    c.add('interrupt towards S or U', [
      ...begin,
      c.op('csrrci', 0, CSR.mstatus, MSTATUS.MIE),
      ...shuffle(c, steps),
      c.op('addi', sie, 0, leave === 1 ? MSTATUS.SIE : MSTATUS.SPIE),
      c.op('csrrs', 0, CSR.mstatus, sie),
    ]);
    c.switchTo(random.pick([USER, SUPERVISOR]));
    return;
  }
  steps.push(c.op('csrrsi', 0, CSR.mstatus, MSTATUS.MIE));
  c.add('interrupt in M', [
    ...begin,
    ...shuffle(c, steps),
    c.op('csrrci', c.register(), CSR.mstatus, MSTATUS.MIE),
    c.op('csrrc', c.register([bits]), CSR.mip, bits),
    c.op('csrrw', c.register(), CSR.mie, 0),
  ]);
}

function shuffle<T>(c: Context, items: T[]): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = c.random.below(i + 1);
    [items[i], items[j]] = [items[j], items[i]];
  }
  return items;
}

/** Ticks of mtime that a timer group waits at most. */
const TIMER_TICKS = 5;

/**
 * A machine timer interrupt at a given instruction count: mtime advances by one in 100 instructions on both sides
 * (engine.ts). The registers that count through the wait show where exactly it struck.
 */
export function timer(c: Context): void {
  if (!c.machine) return;
  const { random } = c;
  const device = c.register();
  const value = c.register([device]);
  const other = c.register([device, value]);
  const count = c.register([device, value, other]);
  const group = c.nextIndex;
  const items: Item[] = [
    c.op('csrrci', 0, CSR.mstatus, MSTATUS.MIE),
    // Ten instructions or so behind a tick, so that none comes between reading mtime and writing mtimecmp.
    c.op('csrrs', value, CSR.minstret, 0),
    c.op('addi', other, 0, 100),
    c.op('remu', value, value, other),
    c.op('sub', value, other, value),
    c.op('addi', value, value, 10),
    c.op('addi', value, value, -2),
    { kind: 'branch', name: 'blt', values: [0, value], target: { group, item: 6 } },
    ...c.li(device, MTIME),
    c.op('ld', value, 0, device),
    c.op('addi', value, value, random.between(1, TIMER_TICKS)),
    ...c.li(device, MTIMECMP),
    c.op('sd', value, 0, device),
    c.op('addi', other, 0, 0x80),
    c.op('csrrs', 0, CSR.mie, other),
    c.op('addi', value, 0, 0),
    c.op('addi', count, 0, 50 * (TIMER_TICKS + 1)),
    c.op('csrrsi', 0, CSR.mstatus, MSTATUS.MIE),
  ];
  const body = { group, item: items.length };
  items.push(
    ...Array.from({ length: random.below(5) }, () => sparing(c, ['integer'], [other, count])),
    c.op(random.pick(['add', 'xor', 'sub', 'mul']), value, value, count),
    c.op('addi', count, count, -1),
    { kind: 'branch', name: 'bne', values: [count, 0], target: body },
    c.op('csrrci', 0, CSR.mstatus, MSTATUS.MIE),
    c.op('csrrc', 0, CSR.mie, other),
  );
  c.add('timer', items);
}

/**
 * The timer of Sstc, waited for by wfi in M-mode or S-mode: the trap comes behind it. (QEMU delays the interrupt by as
 * much as the write to stimecmp lies behind a tick, so it could not be caught at an exact instruction in a loop.)
 */
export function supervisorTimer(c: Context): void {
  const { random } = c;
  c.switchTo(MACHINE);
  const value = c.register();
  const other = c.register([value]);
  const items = (): Item[] => {
    const [status, enable] = c.machine ? [CSR.mstatus, MSTATUS.MIE] : [CSR.sstatus, MSTATUS.SIE];
    const interrupts = c.machine ? CSR.mie : CSR.sie;
    return [
      ...(random.one(3) ? [] : [c.op('csrrsi', 0, status, enable)]),
      c.op('csrrs', value, CSR.time, 0),
      c.op('addi', value, value, random.between(2, 50)),
      c.op('csrrw', 0, CSR.stimecmp, value),
      c.op('addi', value, 0, -1),
      c.op('addi', other, 0, 0x20),
      c.op('csrrs', 0, interrupts, other),
      c.op('wfi'),
      c.op('csrrci', 0, status, enable),
      c.op('csrrc', 0, interrupts, other),
      c.op('csrrw', 0, CSR.stimecmp, value),
    ];
  };
  c.add('Sstc on', [
    c.op('addi', value, 0, 0x20), // what software made pending
    c.op('csrrc', 0, CSR.mip, value),
    ...c.li(value, STCE),
    c.op('csrrs', 0, CSR.menvcfg, value),
    c.op('addi', value, 0, 7),
    c.op('csrrs', 0, CSR.mcounteren, value),
    ...c.li(value, MSTATUS.TW),
    c.op('csrrc', 0, CSR.mstatus, value),
  ]);
  // A timer that M-mode itself takes, or one that is delegated and so seen by S-mode only.
  if ((c.mideleg & 0x20) !== 0) c.switchTo(SUPERVISOR);
  c.add('timer of S-mode', items());
  c.switchTo(MACHINE);
  c.add('Sstc off', [...c.li(value, STCE), c.op('csrrc', 0, CSR.menvcfg, value)]);
}

/** menvcfg (3.1.18): Sstc is enabled for S-mode, and stimecmp makes mip.STIP. */
const STCE = 1n << 63n;
