// Theorem SWITCH: the only code of an image that is not compiled, run instruction by instruction from the words of the image,
// has exactly the effect that is written here. Values are names: what a register held when the trap came, what a frame
// holds, an address. So what is shown is shown of every content of registers and memory.
//
//   stub.trap         Its context's registers, x1 to x31, and mepc go to the frame in mscratch: the ones that a function may change
//                     before `trap`, s0 to s11 before `handle`. Nothing else is stored. Supervisor's gp and sp; traps lead to
//                     stub.trapInKernel.
//   on the way out    Each of x1 to x31 is loaded from its own place in the frame that was given back, mepc from place 0. When that is
//                     the frame of the context that trapped, s0 to s11 may be the context's own, still there. mscratch is that frame,
//                     traps lead to stub.trap. So nothing of another context, or of the supervisor, is left.
//   entry             Hart 0 clears state and stack, whole, and calls `main`; then as above. Any other hart waits for ever.
//   stub.absent       The next instruction, all registers as they were.
//   stub.trapInKernel Calls `panic` on the supervisor's gp and sp, and stays there.
//
// Assumed: `trap` gives back the frame in mscratch, or 0, and leaves mtvec (theorem TRAP); functions keep s0 to s11, sp and gp (validated each).
import { decode, disassemble } from '../instructions.ts';
import { A0, GP, RA, SP, ZERO } from '../instructions.ts';
import { GP_OFFSET } from '../layout.ts';
import { SAVED } from './paths.ts';
import { Refused } from './value.ts';
import type { MachineInstruction } from '../instructions.ts';

const CSRS: Readonly<Record<number, string>> = { 0x305: 'mtvec', 0x340: 'mscratch', 0x341: 'mepc', 0xf14: 'mhartid' };
const FRAME_BYTES = 256;
/** Of the supervisor, at least. */
const STACK_BYTES = 16 * 1024;
/** Enough to clear some megabytes. */
const MOST_STEPS = 4_000_000;

/** What an image is to its stubs. */
export interface StubImage {
  readonly base: number;
  readonly codeEnd: number;
  readonly symbols: ReadonlyMap<string, number>;
  readonly at: (pc: number) => MachineInstruction | undefined;
  /** Bytes of the supervisor's state; and of that with its stack, up to where partitions begin. */
  readonly stateBytes: number;
  readonly memoryBytes: number;
}
/** `base` + offset; '' is the number itself. */
interface Value {
  readonly base: string;
  readonly offset: number;
}
const value = (base: string, offset = 0): Value => ({ base, offset });
const same = (a: Value | undefined, b: Value): boolean => a?.base === b.base && a.offset === b.offset;
const place = (frame: string, r: number, calls: number): Value => value(`[${frame}+${8 * r}] after ${calls} calls`);

class Run {
  readonly image: StubImage;
  readonly visited: Set<number>;
  pc: number;
  registers: Value[] = Array.from({ length: 32 }, (_, r) => (r === 0 ? value('') : value(`x${r}`)));
  csrs = new Map<string, Value>(Object.values(CSRS).map((name) => [name, value(name)]));
  /** Stores to the frame of the context that trapped, by their byte. */
  saved = new Map<number, Value>();
  /** Zeros from the beginning of the state, so many bytes. */
  cleared = 0;
  calls = 0;
  steps = 0;
  constructor(image: StubImage, from: number, visited: Set<number>) {
    this.image = image;
    this.visited = visited;
    this.pc = from;
  }
  copy(): Run {
    const run = new Run(this.image, this.pc, this.visited);
    run.registers = [...this.registers];
    run.csrs = new Map(this.csrs);
    run.saved = new Map(this.saved);
    run.cleared = this.cleared;
    run.calls = this.calls;
    run.steps = this.steps;
    return run;
  }
  refuse(why: string): Refused {
    return new Refused(`${this.pc.toString(16)}: ${why}`);
  }
  symbol(name: string): number {
    const at = this.image.symbols.get(name);
    if (at === undefined) throw this.refuse(`no ${name} in the image`);
    return at;
  }
  fetch(): MachineInstruction {
    const i = this.image.at(this.pc);
    if (i === undefined) throw this.refuse('no instruction');
    this.visited.add(this.pc);
    if ((this.steps += 1) > MOST_STEPS) throw this.refuse('too many steps');
    return i;
  }
  set(r: number, v: Value): void {
    if (r !== ZERO) this.registers[r] = v;
  }
  expect(what: string, is: Value | undefined, wanted: Value): void {
    if (same(is, wanted)) return;
    throw this.refuse(`${what} is ${is?.base}+${is?.offset}, not ${wanted.base}+${wanted.offset}`);
  }
  number(v: Value): number {
    if (v.base !== '') throw this.refuse(`${v.base} is no number`);
    return v.offset;
  }

  /** An instruction that goes on behind itself. */
  execute(i: MachineInstruction): void {
    const a = this.registers[i.rs1];
    const at = value(a.base, a.offset + i.imm);
    const op: string = i.op;
    switch (op) {
      case 'auipc':
        this.set(i.rd, value('', this.pc + i.imm));
        break;
      case 'addi':
        this.set(i.rd, at);
        break;
      case 'ld':
        this.set(i.rd, this.load(at));
        break;
      case 'sd':
        this.store(at, this.registers[i.rs2]);
        break;
      case 'csrrw':
      case 'csrrs': {
        const csr = CSRS[i.imm];
        const reads = op === 'csrrs';
        if (csr === undefined || (reads && i.rs1 !== ZERO)) throw this.refuse('another control register');
        const before = this.csrs.get(csr) ?? value(csr);
        if (!reads) this.csrs.set(csr, a);
        this.set(i.rd, before);
        break;
      }
      default:
        throw this.refuse(`${i.op} in a stub`);
    }
    this.pc += i.size;
  }
  load({ base, offset }: Value): Value {
    const inFrame = (base === 'mscratch' || base === 'next') && offset >= 0 && offset < FRAME_BYTES && offset % 8 === 0;
    if (!inFrame) throw this.refuse('a load from elsewhere');
    // What the stub has stored itself is there until a function has run.
    return (base === 'mscratch' && this.saved.get(offset)) || place(base, offset / 8, this.calls);
  }
  store({ base, offset }: Value, v: Value): void {
    if (base === 'mscratch' && offset >= 0 && offset < FRAME_BYTES && offset % 8 === 0) {
      this.saved.set(offset, v);
      return;
    }
    this.expect('what is cleared', v, value(''));
    this.expect('where it is cleared', value(base, offset), value('', this.symbol('state') + this.cleared));
    this.cleared += 8;
  }
  /** A function has run: it keeps what it must (psABI), and may have changed everything else. */
  call(name: string): void {
    this.calls += 1;
    for (let r = 1; r < 32; r++) {
      if (r !== SP && r !== GP && !SAVED.includes(r)) this.registers[r] = value(`left by call ${this.calls} in x${r}`);
    }
    if (name !== 'trap') this.csrs.set('mtvec', value('mtvec after a call'));
    this.csrs.set('mepc', value('mepc after a call'));
    this.saved.clear();
  }
  /** Before a function of the supervisor: its gp and its stack, and where a trap in it leads. */
  checkBases(): void {
    const state = this.symbol('state');
    const top = this.number(this.registers[SP]);
    this.expect('gp', this.registers[GP], value('', state + GP_OFFSET));
    if (top % 16 !== 0 || top < state + this.image.stateBytes + STACK_BYTES || top > state + this.image.memoryBytes) {
      throw this.refuse('sp is not behind the stack');
    }
  }
}

/** What is stored of the context that trapped, by register; place 0 has its pc. */
const inContext = (r: number): Value => (r === 0 ? value('mepc') : r === SP ? value(`x${SP}`) : value(`x${r}`));
function checkSaved(run: Run, registers: readonly number[]): void {
  for (const r of registers) run.expect(`place ${r} of the frame`, run.saved.get(8 * r), inContext(r));
  if (run.saved.size !== registers.length) throw run.refuse('something else is stored');
}
/** At mret. `kept`: registers that may still be those of the context that trapped. */
function checkLeaving(run: Run, frame: string, kept: readonly number[]): void {
  for (let r = 1; r < 32; r++) {
    if (kept.includes(r)) run.expect(`x${r}`, run.registers[r], value(`x${r}`));
    else run.expect(`x${r}`, run.registers[r], place(frame, r, run.calls));
  }
  run.expect('mepc', run.csrs.get('mepc'), place(frame, 0, run.calls));
  run.expect('mscratch', run.csrs.get('mscratch'), value(frame));
  run.expect('mtvec', run.csrs.get('mtvec'), value('', run.symbol('stub.trap')));
  if (run.saved.size > 0) throw run.refuse('something is stored on the way out');
}
/** Runs to a call of `name`, which is made. `mustSave` is held against the stores before it. */
function toCall(run: Run, name: string, mustSave: readonly number[]): void {
  for (;;) {
    const i = run.fetch();
    if (i.op === 'jal') {
      if (i.rd !== RA || run.pc + i.imm !== run.symbol(name)) throw run.refuse(`a jump, not a call of ${name}`);
      run.checkBases();
      run.expect('mtvec', run.csrs.get('mtvec'), value('', run.symbol('stub.trapInKernel')));
      checkSaved(run, mustSave);
      run.pc += i.size;
      run.call(name);
      return;
    }
    if (i.op === 'bltu') {
      const [a, b] = [i.rs1, i.rs2].map((r) => run.number(run.registers[r]));
      run.pc += a < b ? i.imm : i.size;
    } else run.execute(i);
  }
}
function toMret(run: Run, frame: string, kept: readonly number[]): void {
  run.registers[A0] = value(frame);
  for (;;) {
    const i = run.fetch();
    if (i.op === 'mret') return checkLeaving(run, frame, kept);
    if (i.op === 'jal' && i.rd === ZERO && i.imm > 0) run.pc += i.imm;
    else run.execute(i);
  }
}
/** Jumps and waiting, and nothing else, until it comes by again. */
function toStandstill(run: Run): void {
  const seen = new Set<number>();
  while (!seen.has(run.pc)) {
    seen.add(run.pc);
    const i = run.fetch();
    if (i.op !== 'wfi' && (i.op !== 'jal' || i.rd !== ZERO)) throw run.refuse(`${i.op} where a hart stands still`);
    run.pc += i.op === 'jal' ? i.imm : i.size;
  }
}
/** A branch on the register being 0: the two ways on, 0 and not 0. */
function split(run: Run, register: number): { readonly zero: Run; readonly other: Run } {
  const i = run.fetch();
  const isTest = (i.op === 'beq' || i.op === 'bne') && i.rs1 === register && i.rs2 === ZERO;
  if (!isTest) throw run.refuse('a test for 0 is wanted');
  const taken = run.copy();
  taken.pc += i.imm;
  run.pc += i.size;
  return i.op === 'beq' ? { zero: taken, other: run } : { zero: run, other: taken };
}

/** Throws Refused if the stubs do anything else than is written above. Returns the addresses of their instructions. */
export function validateStubs(image: StubImage): Set<number> {
  const visited = new Set<number>();
  const from = (name: string): Run => new Run(image, new Run(image, image.base, visited).symbol(name), visited);
  const all = Array.from({ length: 32 }, (_, r) => r);

  const trap = from('stub.trap');
  toCall(
    trap,
    'trap',
    all.filter((r) => !SAVED.includes(r)),
  );
  const { zero, other } = split(trap, A0);
  toMret(other, 'mscratch', SAVED);
  toCall(zero, 'handle', SAVED);
  toMret(zero, 'next', []);

  const entry = new Run(image, image.base, visited);
  entry.csrs.set('mhartid', value('mhartid'));
  while (image.at(entry.pc)?.op !== 'bne') entry.execute(entry.fetch());
  const tested = image.at(entry.pc)?.rs1 ?? ZERO;
  entry.expect('what is tested', entry.registers[tested], value('mhartid'));
  const hart = split(entry, tested);
  toStandstill(hart.other);
  toCall(hart.zero, 'main', []);
  const end = hart.zero.symbol('state') + hart.zero.cleared;
  hart.zero.expect('the end of what is cleared', value('', end), hart.zero.registers[SP]);
  toMret(hart.zero, 'next', []);

  const absent = from('stub.absent');
  for (let i = absent.fetch(); i.op !== 'mret'; i = absent.fetch()) absent.execute(i);
  all.slice(1).forEach((r) => absent.expect(`x${r}`, absent.registers[r], value(`x${r}`)));
  absent.expect('mepc', absent.csrs.get('mepc'), value('mepc', 4));
  absent.expect('mtvec', absent.csrs.get('mtvec'), value('mtvec'));
  if (absent.saved.size + absent.cleared > 0) throw absent.refuse('something is stored');

  const panic = from('stub.trapInKernel');
  while (image.at(panic.pc)?.op !== 'jal') panic.execute(panic.fetch());
  const i = panic.fetch();
  if (i.rd !== RA || panic.pc + i.imm !== panic.symbol('panic')) throw panic.refuse('no call of panic');
  panic.checkBases();
  panic.pc += i.size;
  toStandstill(panic);
  if (panic.saved.size + panic.cleared > 0) throw panic.refuse('something is stored');

  // mscratch and mepc are the stubs' own: nothing that is compiled writes them.
  for (let pc = image.base; pc < image.codeEnd; pc += 4) {
    const other = image.at(pc);
    const isCsr = other?.op === 'csrrw' || other?.op === 'csrrs' || other?.op === 'csrrc';
    const writes = isCsr && (other.op === 'csrrw' || other.rs1 !== ZERO);
    if (writes && (other.imm === 0x340 || other.imm === 0x341) && !visited.has(pc)) {
      throw new Refused(`${pc.toString(16)}: ${disassemble(other, pc)} outside of the stubs`);
    }
  }
  return visited;
}

/** The image's words, decoded when they are asked for. */
export function decodedAt(bytes: Uint8Array, base: number): (pc: number) => MachineInstruction | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const known = new Map<number, MachineInstruction | undefined>();
  return (pc) => {
    if (pc % 4 !== 0 || pc < base || pc + 4 > base + bytes.length) return undefined;
    if (!known.has(pc)) known.set(pc, decode(view.getUint32(pc - base, true)));
    return known.get(pc);
  };
}
