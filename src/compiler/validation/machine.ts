// The machine side, complete: paths.ts, loops.ts, and here block copies and fills, which are loops over addresses. A copy
// goes on behind its loop with what is left; all its pieces together are one range of cells, as in the source.
import { Mapped, Stored } from '../../proof/state.ts';
import * as T from '../../proof/term.ts';
import { Loops } from './loops.ts';
import { orderedSum } from './normal.ts';
import { copy } from './paths.ts';
import { unshifted } from './places.ts';
import { Refused, UNKNOWN, address, difference, int, linear, sameAddress, scaled, settled, sum } from './value.ts';
import type { Contents } from '../../proof/state.ts';
import type { Term } from '../../proof/term.ts';
import type { MachineInstruction } from '../instructions.ts';
import type { Copied, Path } from './paths.ts';
import type { Address, Source } from './value.ts';

const { TRUE, sle, slt, word } = T;
/** Bytes that one piece of a copy may have, beside its loop. */
const MOST_ADDED = Array.from({ length: 64 }, (_, n) => n * 4);

export class MachineSide extends Loops {
  // ---- copies and fills: loops over addresses
  protected override blockLoop(path: Path, last: number, i: MachineInstruction): Path[] {
    const written = this.written(path.pc, last);
    if (written.has(i.rs2)) throw new Refused('a block loop whose end moves');
    const [start, limit] = [linear(path.registers[i.rs1]), linear(path.registers[i.rs2])];
    const atEnd = (turn: { readonly out: readonly Path[]; readonly results: readonly unknown[] }): Path => {
      const [only] = turn.out;
      if (turn.out.length !== 1 || only.pc !== last || turn.results.length > 0)
        throw new Refused('a block loop with a way out');
      return only;
    };
    // Which addresses go on, and by how many bytes: one turn tells.
    const probe = atEnd(this.oneTurn(path, last, path.condition, () => {}));
    const steps = new Map<number, number>();
    for (const r of written) {
      const [before, after] = [path.registers[r], probe.registers[r]];
      if (before.kind !== 'address' || after.kind !== 'address') continue;
      const step = difference(after, before);
      if (step !== undefined && step.parts.length === 0 && step.offset > 0) steps.set(r, step.offset);
    }
    const chunk = steps.get(i.rs1);
    if (chunk === undefined || [...steps.values()].some((s) => s !== chunk))
      throw new Refused('a block loop of different steps');
    const index = this.nextIndex();
    const turn = this.oneTurn(path, last, path.condition, (registers) => {
      this.forget(registers, written);
      for (const r of steps.keys()) registers[r] = sum(path.registers[r], scaled(int(index), chunk));
    });
    atEnd(turn);
    // Bounds are asked for the whole block below, not for one turn.
    const written_ = [...turn.state.tables].filter(([name, c]) => c !== this.state.tables.get(name));
    if (written_.length !== 1) throw new Refused('a block loop writes one table');
    const [[table, contents]] = written_;
    const before = this.state.tables.get(table);
    const stores: Stored[] = [];
    for (let c: Contents | undefined = contents; c !== before; c = c.before) {
      if (!(c instanceof Stored)) throw new Refused('a block loop');
      stores.unshift(c);
    }
    if (before === undefined || stores.length * 4 !== chunk) throw new Refused('a block loop with gaps');
    const length = difference(limit, start);
    const after = copy(path);
    this.forget(after.registers, written);
    after.pc = last + i.size;
    const total = length === undefined ? UNKNOWN : settled(length);
    const value = stores[0].value;
    if (stores.every((s) => s.value === value) && T.valueOf(value) !== undefined) {
      this.fillLoop(path, table, before, stores, { start, limit, index, value });
      after.registers[i.rs1] = limit;
      return [after];
    }
    if (total.kind !== 'int') throw new Refused('a copy of an unknown length');
    this.copyLoop(path, table, before, stores, {
      index,
      chunk,
      bytes: total.term,
      steps,
      from: start,
      register: i.rs1,
    });
    for (const r of steps.keys()) after.registers[r] = sum(path.registers[r], total);
    return [after];
  }
  protected fillLoop(
    path: Path,
    table: string,
    before: Contents,
    stores: readonly Stored[],
    loop: { readonly start: Address; readonly limit: Address; readonly index: Term; readonly value: Term },
  ): void {
    const first = this.places.cell(loop.start, undefined, true);
    const end = this.places.cell(loop.limit, first.field, true);
    if (first.field.name !== table || first.field.stride !== 4) throw new Refused('a fill of another table');
    stores.forEach((s, n) => {
      const wanted = T.add(T.add(first.index, T.mul(loop.index, word(stores.length))), word(n));
      if (s.index !== orderedSum(wanted)) throw new Refused('a fill with gaps');
    });
    const length = T.sub(end.index, first.index);
    const whole = T.eq(T.band(length, word(stores.length - 1)), word(0));
    this.check(path.condition, T.and(first.inside, end.inside, slt(first.index, end.index), whole), 'bounds of a fill');
    const guard = this.outside(path.condition, first.index, end.index);
    const range = { from: first.index, to: end.index, base: word(0) };
    this.state.tables.set(table, new Mapped(before, guard, range, loop.index, loop.value));
  }
  protected copyLoop(
    path: Path,
    table: string,
    before: Contents,
    stores: readonly Stored[],
    loop: {
      readonly index: Term;
      readonly chunk: number;
      readonly bytes: Term;
      readonly steps: ReadonlyMap<number, number>;
      readonly from: Address;
      readonly register: number;
    },
  ): void {
    // The pointer that the end is compared with reads; the other one writes.
    const [writer] = [...loop.steps.keys()].filter((r) => r !== loop.register);
    if (loop.steps.size !== 2) throw new Refused('a copy with other than two pointers');
    const to = linear(path.registers[writer]);
    const [target, origin] = [this.places.cell(to, undefined, true), this.places.cell(loop.from, undefined, true)];
    if (target.field.name !== table || target.field.stride !== 4 || origin.field.stride !== 4)
      throw new Refused('a copy');
    const contents = this.state.tables.get(origin.field.name);
    if (contents === undefined || origin.field.name === table) throw new Refused('a copy onto itself');
    stores.forEach((s, n) => {
      const at = T.add(T.mul(loop.index, word(stores.length)), word(n));
      if (s.index !== orderedSum(T.add(target.index, at))) throw new Refused('a copy with gaps');
      const wanted = contents.read(orderedSum(T.add(origin.index, at)));
      if (s.value !== wanted) throw new Refused('a copy of something else');
    });
    const { scale, exact } = unshifted({ term: loop.bytes, scale: 1 });
    if (scale % loop.chunk !== 0) throw new Refused('a copy of a part of a turn');
    this.check(path.condition, exact, 'length of a copy');
    this.check(path.condition, T.not(T.eq(loop.bytes, word(0))), 'the copy turns');
    const count = this.words(address('none', 0, [{ term: loop.bytes, scale: 1 }]), path.condition);
    for (const cell of [target, origin]) {
      const limit = word(cell.field.count);
      const fits = T.and(cell.inside, sle(word(0), count), sle(count, limit), sle(T.add(cell.index, count), limit));
      this.check(path.condition, fits, `bounds of a copy of ${origin.field.name} to ${table}`);
    }
    const [turns] = loop.bytes.op === 'shl' ? loop.bytes.args : [];
    if (turns?.op === 'sar') {
      for (const value of [word(0), T.sub(turns.args[0], word(1))]) this.instances.push({ index: loop.index, value });
    }
    const none = this.normal.of(T.not(T.eq(loop.bytes, word(0))));
    const guard = this.normal.and(this.normal.conjuncts(path.condition).filter((c) => c !== none));
    this.setCopied({
      table,
      to,
      of: { table: origin.field.name, contents, at: loop.from },
      count: address('none', 0, [{ term: loop.bytes, scale: 1 }]),
      guard,
      index: loop.index,
      before,
      contents: before,
    });
  }
  protected setCopied(copied: Omit<Copied, 'contents'> & { readonly contents: Contents }): void {
    const [to, of] = [this.places.cell(copied.to, undefined, true), this.places.cell(copied.of.at, undefined, true)];
    const count = this.words(copied.count, copied.guard);
    const w = copied.index;
    const value = copied.of.contents.read(orderedSum(T.add(of.index, w)));
    const contents = new Mapped(copied.before, copied.guard, { from: word(0), to: count, base: to.index }, w, value);
    this.state.tables.set(copied.table, contents);
    this.copied = { ...copied, contents };
  }
  /** Bytes as words. */
  protected words(bytes: Address, condition: Term): Term {
    let total = word(bytes.offset / 4);
    const pieces: Term[] = [];
    for (const part of bytes.parts) {
      const { term, scale, exact } = unshifted(part);
      if (scale % 4 === 0) {
        this.check(condition, exact, 'length of a copy');
        pieces.push(scale === 4 ? term : T.shl(term, word(Math.log2(scale / 4))));
      } else {
        pieces.push(quarter(term));
      }
    }
    const whole = wholeOf(pieces);
    if (whole !== undefined) {
      const sum = pieces.reduce((a, b) => T.add(a, b));
      this.check(TRUE, T.eq(sum, whole), 'the pieces of a copy are the whole');
      return T.add(whole, total);
    }
    for (const piece of pieces) total = T.add(piece, total);
    return total;
  }
  /** What is left of a copy after its loop: the next cells, under a condition of their own. */
  protected override continueCopy(path: Path, table: string, at: Address, from: Source | undefined): boolean {
    const copied = this.copied;
    if (copied === undefined || from === undefined || this.turn !== undefined) return false;
    if (copied.table !== table || this.state.tables.get(table) !== copied.contents) return false;
    if (from.table !== copied.of.table || from.contents !== copied.of.contents) return false;
    const [ahead, behind] = [difference(at, copied.to), difference(from.at, copied.of.at)];
    if (ahead === undefined || behind === undefined || !sameAddress(ahead, behind)) return false;
    // Under this condition, so many bytes are copied already: what this path has added before is a part of the count.
    const own = this.normal.and(
      this.normal.conjuncts(path.condition).filter((c) => !this.normal.conjuncts(copied.guard).includes(c)),
    );
    const added = (bytes: number): Term => T.ite(own, word(bytes), word(0));
    const had =
      MOST_ADDED.find((n) => n > 0 && copied.count.parts.some((p) => p.scale === 1 && p.term === added(n))) ?? 0;
    const rest = copied.count.parts.filter((p) => had === 0 || p.term !== added(had));
    if (!sameAddress(ahead, address('none', copied.count.offset + had, rest))) return false;
    const grown = { term: added(had + 4), scale: 1 };
    this.setCopied({ ...copied, count: address('none', copied.count.offset, [...rest, grown]) });
    return true;
  }
}

/** A quarter of a choice of multiples of 4. */
function quarter(t: Term): Term {
  const value = T.valueOf(t);
  if (value !== undefined && value % 4 === 0) return word(value / 4);
  if (t.op !== 'ite') throw new Refused('a length that is no number of words');
  return T.ite(t.args[0], quarter(t.args[1]), quarter(t.args[2]));
}
/** ((n >> 3) << 3) + (n & 4 ? 4 : 0) + (n & 2 ? 2 : 0) + (n & 1 ? 1 : 0) = n. */
function wholeOf(pieces: readonly Term[]): Term | undefined {
  const high = pieces.find((p) => p.op === 'shl' && p.args[0].op === 'sar' && p.args[0].args[1] === p.args[1]);
  const bits = high === undefined ? 0 : (T.valueOf(high.args[1]) ?? 0);
  if (high === undefined || bits < 1 || pieces.length !== bits + 1) return undefined;
  const [n] = high.args[0].args;
  for (let b = 0; b < bits; b++) {
    const isSet = T.eq(T.band(n, word(1 << b)), word(0));
    if (!pieces.includes(T.ite(T.not(isSet), word(1 << b), word(0)))) return undefined;
  }
  return n;
}
