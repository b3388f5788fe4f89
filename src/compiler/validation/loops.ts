// Loops of the machine code, in the executor's three shapes: a constant number of turns is run; a loop that writes each table
// at its own place becomes all turns at once; a search becomes one question (is there a row at which it leaves?).
import { Mapped, State, Stored } from '../../proof/state.ts';
import * as T from '../../proof/term.ts';
import { RA } from '../instructions.ts';
import { forgetFields } from './contract.ts';
import { Paths, SAVED, copy, isBranch } from './paths.ts';
import { Refused, UNKNOWN, int, sameValue } from './value.ts';
import type { Term } from '../../proof/term.ts';
import type { MachineInstruction } from '../instructions.ts';
import type { GeneralLoop } from './contract.ts';
import type { Path, Turn } from './paths.ts';
import type { Value } from './value.ts';

const { TRUE, sle, slt, word } = T;
/** As the executor unrolls (src/proof/execute.ts). */
const UNROLLED = 64;

interface Mark {
  readonly calls: number;
  readonly effects: number;
  readonly generals: number;
  readonly scans: number;
  readonly pureCalls: number;
  readonly loops: number;
}

export abstract class Loops extends Paths {
  /** A loop over addresses. */
  protected abstract blockLoop(path: Path, last: number, i: MachineInstruction): Path[];

  // ---- loops
  protected override loop(path: Path): Path[] {
    const last = this.back.get(path.pc) ?? 0;
    const i = this.at(last);
    const within = this.turn !== undefined;
    if (within && i.op !== 'blt') throw new Refused('a loop within a loop');
    if (i.op === 'bltu') return this.blockLoop(path, last, i);
    if (i.op === 'jal') return this.runLoop(path, last);
    if (i.op !== 'blt') throw new Refused('a loop without a comparison at its end');
    const start = path.registers[i.rs1];
    const bound = path.registers[i.rs2];
    const mayEnd =
      this.written(path.pc, last).has(i.rs2) || (bound.kind === 'int' && T.valueOf(bound.term) !== undefined);
    if (mayEnd && start.kind === 'int' && T.valueOf(start.term) !== undefined) {
      const done = this.constantLoop(path, last, i, T.valueOf(start.term) ?? 0);
      if (done !== undefined) return done;
    }
    if (within) throw new Refused('a loop within a loop');
    // The source says which of its loops is followed in which way.
    const general = this.source.generals.at(this.generals);
    if (general !== undefined && general.number === this.loops + 1) return this.lastTurn(path, last, i, general);
    return this.indexLoop(path, last, i);
  }
  /**
   * The last turn, after any turns: of the state that those may have left all is known to be the same on both sides (it is so
   * before the first turn, and after this one).
   */
  protected lastTurn(path: Path, last: number, i: MachineInstruction, general: GeneralLoop): Path[] {
    if (this.turn !== undefined) throw new Refused('a loop of no known shape within another');
    this.generals += 1;
    const n = this.generals;
    const from = this.int(path.registers[i.rs1]);
    const index = this.nextIndex();
    this.check(TRUE, T.eq(path.condition, this.normal.of(general.condition)), 'when the loop turns');
    this.check(path.condition, T.eq(from, this.normal.of(general.from)), 'start of the loop');
    this.compareStates(path.condition, general.before, 'before the loop');
    this.state = this.state.copy();
    forgetFields(this.state, general.writes, `@loop${n}`, path.condition);
    const written = this.written(path.pc, last);
    const inside = copy(path);
    this.forget(inside.registers, written);
    inside.registers[i.rs1] = int(index);
    const range = [this.normal.of(sle(from, index))];
    const bound = path.registers[i.rs2];
    const to = general.to;
    if (!written.has(i.rs2) && bound.kind === 'int')
      this.check(path.condition, T.eq(bound.term, to), 'end of the loop');
    range.push(this.normal.of(slt(index, to)));
    inside.condition = this.normal.and([path.condition, ...range]);
    const head = path.pc;
    const before = this.running;
    this.running = head;
    const out = this.region(inside, last, last);
    this.running = before;
    const ends = out.filter((p) => p.pc === last);
    const exits = out.filter((p) => p.pc !== last);
    if (ends.length > 0) {
      const end = this.merge(ends);
      this.check(end.condition, T.eq(this.int(end.registers[i.rs1]), T.add(index, word(1))), 'the loop counts by 1');
      this.check(end.condition, T.eq(this.int(end.registers[i.rs2]), to), 'end of the loop');
      const after = general.after;
      if (after === undefined) throw new Refused('a loop without an end');
      this.check(TRUE, T.eq(end.condition, this.normal.of(after.condition)), 'when the loop goes on');
      this.compareStates(end.condition, after.state, 'after a turn');
      for (const [offset, v] of path.stack) {
        if (!sameValue(end.stack.get(offset) ?? UNKNOWN, v)) throw new Refused('a loop that writes the frame');
      }
      exits.push({ ...end, pc: last + i.size });
    }
    return exits;
  }
  /** A loop that ends in a jump to its head: it is run as long as it turns, which only a constant number of turns allows. */
  protected runLoop(path: Path, last: number): Path[] {
    const head = path.pc;
    const exits: Path[] = [];
    for (let at = copy(path), turn = 0; ; turn++) {
      if (turn > UNROLLED) throw new Refused('a loop without a comparison at its end');
      this.running = head;
      const out = this.region(at, last, last);
      this.running = undefined;
      exits.push(...out.filter((p) => p.pc !== last));
      const ends = out.filter((p) => p.pc === last);
      if (ends.length === 0) return exits;
      at = { ...this.merge(ends), pc: head };
    }
  }
  /** How many calls, effects and loops there have been: what is executed once more counts once. */
  protected mark(): Mark {
    const { calls, effects, generals, scans, pureCalls, loops } = this;
    return { calls, effects, generals, scans, pureCalls, loops };
  }
  protected restore(mark: Mark): void {
    Object.assign(this, mark);
  }
  /** Registers that instructions on the way from `head` to `last` write. */
  protected written(head: number, last: number): Set<number> {
    const reaches = new Set([last]);
    const clobbered = Array.from({ length: 27 }, (_, n) => n + 5).filter((r) => !SAVED.includes(r));
    const written = new Set<number>();
    for (let pc = last - 4; pc >= head; pc -= 4) {
      const i = this.code.at(pc);
      if (i === undefined) continue;
      const ways =
        i.op === 'jalr'
          ? []
          : i.op === 'jal' && i.rd === 0
            ? [pc + i.imm]
            : isBranch(i)
              ? [pc + 4, pc + i.imm]
              : [pc + 4];
      if (!ways.some((w) => reaches.has(w))) continue;
      reaches.add(pc);
      if (!isBranch(i) && i.rd !== 0) written.add(i.rd);
      if (i.op === 'jal' && i.rd === RA) for (const r of clobbered) written.add(r);
    }
    return written;
  }
  /** Runs it turn by turn, as the executor does; undefined when the number of turns is not constant or too large. */
  protected constantLoop(path: Path, last: number, i: MachineInstruction, first: number): Path[] | undefined {
    const head = path.pc;
    const before = {
      state: this.state.copy(),
      goals: this.goals.length,
      results: this.results.length,
      mark: this.mark(),
    };
    const exits: Path[] = [];
    let at = copy(path);
    for (let turn = 0; ; turn++) {
      this.running = head;
      const out = this.region(at, last, last);
      this.running = undefined;
      const ends = out.filter((p) => p.pc === last);
      exits.push(...out.filter((p) => p.pc !== last));
      if (ends.length === 0) return exits;
      const end = this.merge(ends);
      const bound = end.registers[i.rs2];
      const next = end.registers[i.rs1];
      const to = bound.kind === 'int' ? T.valueOf(bound.term) : undefined;
      const now = next.kind === 'int' ? T.valueOf(next.term) : undefined;
      if (to === undefined || now === undefined || (turn === 0 && to - first > UNROLLED)) {
        if (turn > 0) throw new Refused('a loop whose end moves');
        this.state = before.state;
        this.goals.length = before.goals;
        this.results.length = before.results;
        this.restore(before.mark);
        return undefined;
      }
      if (now >= to) {
        exits.push({ ...end, pc: last + i.size });
        return exits;
      }
      at = { ...end, pc: head };
    }
  }
  /** One turn from `head` with the registers given; memory, goals and results of before are put back afterwards. */
  protected oneTurn(path: Path, last: number, condition: Term, change: (registers: Value[]) => void) {
    const before = { state: this.state, goals: this.goals, results: this.results, copied: this.copied };
    const index = this.source.indexOf(this.loops) ?? T.wordVar(`machine.${this.loops}`);
    const inside = copy(path);
    inside.condition = condition;
    change(inside.registers);
    const turn: Turn = { head: path.pc, index, reads: [], touched: new Set() };
    this.state = this.state.copy();
    this.turn = turn;
    this.copied = undefined;
    this.goals = [];
    this.results = [];
    const out = this.region(inside, last, last);
    const after = {
      out,
      reads: turn.reads,
      called: turn.touched,
      goals: this.goals,
      results: this.results,
      state: this.state,
    };
    this.turn = undefined;
    this.copied = before.copied;
    this.state = before.state;
    this.goals = before.goals;
    this.results = before.results;
    return after;
  }
  /** The source's unknown for the index of its n-th loop: what SAFE says of that one then holds here word for word. */
  protected nextIndex(): Term {
    this.loops += 1;
    return this.source.indexOf(this.loops) ?? T.wordVar(`machine.${this.loops}`);
  }
  protected forget(registers: Value[], written: ReadonlySet<number>): void {
    for (const r of written) registers[r] = UNKNOWN;
  }
  /** A condition without what an empty range would contradict: over an empty range nothing happens. */
  protected outside(condition: Term, from: Term, to: Term): Term {
    const isSome = this.normal.of(slt(from, to));
    return this.normal.and(this.normal.conjuncts(condition).filter((c) => c !== isSome));
  }
  protected indexLoop(path: Path, last: number, i: MachineInstruction): Path[] {
    const head = path.pc;
    const written = this.written(head, last);
    const from = this.int(path.registers[i.rs1]);
    const index = this.nextIndex();
    const begin = (registers: Value[]): void => {
      this.forget(registers, written);
      registers[i.rs1] = int(index);
    };
    const end = (turn: { readonly out: readonly Path[] }): Path => {
      const ends = turn.out.filter((p) => p.pc === last);
      if (ends.length === 0) throw new Refused('a loop that never turns');
      return this.merge(ends);
    };
    // What the end compares with is known after a turn, and must not depend on it.
    const mark = this.mark();
    const to = this.int(end(this.oneTurn(path, last, path.condition, begin)).registers[i.rs2]);
    this.restore(mark);
    if (T.contains(to, index)) throw new Refused('a loop whose end moves');
    const reached = this.outside(path.condition, from, to);
    const range = this.normal.and([this.normal.of(sle(from, index)), this.normal.of(slt(index, to))]);
    const turn = this.oneTurn(path, last, this.normal.and([reached, range]), begin);
    const at = end(turn);
    if (this.normal.of(this.int(at.registers[i.rs1])) !== this.normal.of(T.add(index, word(1)))) {
      throw new Refused('a loop that does not count by 1');
    }
    if (this.int(at.registers[i.rs2]) !== to) throw new Refused('a loop whose end moves');
    for (const [offset, v] of path.stack) {
      if (!sameValue(at.stack.get(offset) ?? UNKNOWN, v)) throw new Refused('a loop that writes the frame');
    }
    this.check(path.condition, slt(from, to), 'the loop turns');
    this.goals.push(...turn.goals);
    const after = copy(path);
    this.forget(after.registers, written);
    after.pc = last + i.size;
    const touched = [...turn.state.tables]
      .filter(([name, c]) => c !== this.state.tables.get(name))
      .map(([name]) => name);
    const exits = turn.out.filter((p) => p.pc !== last);
    if (exits.length > 0 || turn.results.length > 0) {
      if (touched.length > 0) throw new Refused('a loop that writes and leaves');
      return this.scan(path, after, { index, from, to, reached, exits, results: turn.results });
    }
    for (const name of touched) this.mapLoop(name, turn, { index, from, to, reached });
    return [after];
  }
  /** Each turn writes a table at one place, its own. */
  protected mapLoop(
    name: string,
    turn: { readonly state: State; readonly reads: Turn['reads']; readonly called: ReadonlySet<string> },
    range: { readonly index: Term; readonly from: Term; readonly to: Term; readonly reached: Term },
  ): void {
    const { index, from, to, reached } = range;
    const before = this.state.tables.get(name);
    let place: Term | undefined;
    for (let c = turn.state.tables.get(name); c !== before;) {
      if (!(c instanceof Stored) || (place !== undefined && place !== c.index))
        throw new Refused('a loop writes in two places');
      place = c.index;
      c = c.before;
    }
    const base = place === undefined ? undefined : baseOf(place, index);
    if (before === undefined || place === undefined || base === undefined) throw new Refused('a loop writes elsewhere');
    if (turn.called.has(name) || turn.reads.some((r) => r.table === name && r.index !== place))
      throw new Refused('a turn reads what another wrote');
    const value = turn.state.cell(name, place);
    this.state.tables.set(name, new Mapped(before, reached, { from, to, base }, index, value));
  }
  protected scan(
    path: Path,
    after: Path,
    loop: {
      readonly index: Term;
      readonly from: Term;
      readonly to: Term;
      readonly reached: Term;
      readonly exits: readonly Path[];
      readonly results: readonly { readonly condition: Term; readonly value: Value }[];
    },
  ): Path[] {
    const { normal } = this;
    const scan = this.source.scans.at(this.scans);
    this.scans += 1;
    if (scan === undefined) throw new Refused('a search that the source does not make');
    this.check(path.condition, T.and(T.eq(loop.from, scan.from), T.eq(loop.to, scan.to)), 'range of a search');
    const given = new Set(normal.conjuncts(loop.reached));
    const own = (condition: Term): Term => normal.and(normal.conjuncts(condition).filter((c) => !given.has(c)));
    const mine = normal.or([...loop.exits, ...loop.results].map((e) => own(e.condition)));
    this.check(
      loop.reached,
      T.eq(mine, normal.of(T.substitute(scan.bad, scan.row, loop.index))),
      'what a search looks for',
    );
    const hit = normal.and([loop.reached, scan.found]);
    after.condition = normal.and([path.condition, normal.not(scan.found)]);
    const free = (v: Value): Value => {
      const terms = v.kind === 'int' ? [v.term] : v.kind === 'address' ? v.parts.map((p) => p.term) : [];
      return terms.some((t) => T.contains(t, loop.index)) ? UNKNOWN : v;
    };
    if (loop.results.length > 0) {
      if (loop.exits.length > 0) throw new Refused('a search with two kinds of end');
      const [{ value }] = loop.results;
      if (free(value).kind === 'unknown' || !loop.results.every((r) => sameValue(r.value, value))) {
        throw new Refused('a search that returns what it found');
      }
      this.results.push({ condition: hit, value });
      return [after];
    }
    const found = this.merge(loop.exits);
    if (loop.exits.some((e) => e.pc !== found.pc)) throw new Refused('a search with two ends');
    return [after, { ...found, condition: hit, registers: found.registers.map(free) }];
  }
}

/** `index` - `variable`, if `index` is their sum and the rest does not contain `variable`. */
function baseOf(index: Term, variable: Term): Term | undefined {
  const parts: Term[] = [];
  const collect = (t: Term): void => {
    if (t.op === 'add') t.args.forEach(collect);
    else parts.push(t);
  };
  collect(index);
  const rest = parts.filter((p) => p !== variable);
  if (rest.length !== parts.length - 1 || rest.some((p) => T.contains(p, variable))) return undefined;
  return rest.reduce((total, p) => T.add(total, p), word(0));
}
