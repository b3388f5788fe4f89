// Theorem PMP: for every plan that the core's `boot` accepts and every layout that `layoutIsSound` accepts, what `confine` puts
// into the hart admits exactly the regions of its partition: byte by byte, for every access. And `confineGuest` exactly the
// memory of its guest. All of it executed from the source that ships.
import { Question } from '../question.ts';
import { State } from '../state.ts';
import * as L from '../long.ts';
import * as T from '../term.ts';
import { MetalExecution } from './execution.ts';
import {
  ACCESS,
  bytesOf,
  ENTRIES,
  PMPADDR0,
  PMPCFG0,
  contains,
  entryOf,
  isAccess,
  isAdmitted,
  isRegular,
  isWithin,
} from './pmp.ts';
import { anyState } from './program.ts';
import type { Term } from '../term.ts';
import type { Access, Entry, Pmp, Region } from './pmp.ts';
import type { Value } from '../execute.ts';
import type { MetalProgram } from './program.ts';

const { and, eq, implies, not, word } = T;

/** `layoutIsSound` looks at all rows and all pairs of partitions; of one partition, those that are its own are enough. */
class OfOnePartition extends MetalExecution {
  readonly #p: Term;
  readonly #rows: readonly Term[];
  constructor(program: MetalProgram['program'], label: string, p: Term, rows: readonly Term[]) {
    super(program, label);
    this.#p = p;
    this.#rows = rows;
  }
  protected override turnsOf(fn: string, index: string): readonly Term[] | undefined {
    if (fn !== 'layoutIsSound') return undefined;
    return index === 'row' ? this.#rows : [this.#p];
  }
  /** No partition has a stream to itself: theorem PLAN. */
  override call(name: string, args: readonly Value[], condition?: Term): Term | undefined {
    if (name === 'isJoined' && args[1] === args[2]) return T.FALSE;
    return super.call(name, args, condition);
  }
}

/** The plan is one that boot accepts. */
export function assumePlan({ program, isPlan }: MetalProgram, q: Question): void {
  const boot = new MetalExecution(program, 'boot');
  const fresh = State.fresh(program, isPlan);
  q.assume(eq(boot.call('boot', [fresh]) ?? T.FALSE, word(program.constants.get('OK') ?? 0)));
  q.assumeScans(boot);
}
export const constantOf = ({ program }: MetalProgram, name: string): Term => {
  const value = program.constants.get(name);
  if (value === undefined) throw new Error(`no constant ${name}`);
  return word(value);
};
/** The layout is one that `layoutIsSound` accepts, as far as p is concerned. */
export function assumeLayout(metal: MetalProgram, q: Question, state: State, p: Term): void {
  const first = T.mul(p, constantOf(metal, 'MAX_REGIONS'));
  const rows = Array.from({ length: ENTRIES }, (_, i) => T.add(first, word(i)));
  const layout = new OfOnePartition(metal.program, 'layout', p, rows);
  q.assume(layout.holds('layoutIsSound', state, state, T.wordVar('kernelEnd')));
  q.assumeScans(layout);
}

/** What the execution has put into the hart. */
export const pmpOf = (execution: MetalExecution): Pmp => ({
  cfg: execution.csr(PMPCFG0),
  addr: Array.from({ length: ENTRIES }, (_, i) => execution.csr(PMPADDR0 + i)),
});
/** The regions of p, and the memory of its guest, as the layout says it. */
function regionsOf(metal: MetalProgram, state: State, p: Term, isGuest: boolean): Region[] {
  const first = T.mul(p, constantOf(metal, 'MAX_REGIONS'));
  const has = (rights: Term, right: Term) => not(eq(T.band(rights, right), word(0)));
  const letters = { r: 'R_READ', w: 'R_WRITE', x: 'R_EXECUTE' } as const;
  return Array.from({ length: ENTRIES }, (_, i) => {
    const row = T.add(first, word(i));
    const rights = state.cell('regionRights', row);
    return {
      frame: state.cell('regionFrame', row),
      shift: state.cell('regionShift', row),
      // A guest has its memory alone, and may do all with it.
      exists: isGuest ? has(rights, constantOf(metal, 'R_GUEST')) : not(eq(rights, word(0))),
      admits: (kind) => (isGuest ? T.TRUE : has(rights, constantOf(metal, letters[kind]))),
    };
  });
}

/** There is this partition, and no more than the tables have rows (theorem PLAN). */
const isPartition = (metal: MetalProgram, state: State, p: Term): Term =>
  and(T.sle(word(0), p), T.slt(p, state.field('np')), T.sle(state.field('np'), constantOf(metal, 'MAX_PARTITIONS')));
const KINDS = Object.keys(ACCESS) as Access['kind'][];

/** PLAN, what is needed of a plan that boot accepts: no partition has a stream to itself, and there are not too many. */
export function askPlan(metal: MetalProgram): Question {
  const q = new Question(metal.program);
  const p = T.wordVar('p');
  const state = anyState(metal, 'M');
  q.seed(p);
  assumePlan(metal, q);
  q.assume(T.sle(word(0), p), T.slt(p, state.field('np')));
  const execution = new MetalExecution(metal.program, 'joined');
  const joined = execution.call('isJoined', [state, p, p]) ?? T.FALSE;
  q.assumeScans(execution);
  q.goal('no stream to itself', not(joined));
  q.goal('partitions', isPartition(metal, state, p));
  return q;
}

/**
 * PMP, entry by entry: it matches exactly the bytes of its region, and allows what the region does. And the regions of one partition
 * share no byte; so that (theorem PRIORITY) an access is admitted exactly if one region has it.
 */
export function askPmp(metal: MetalProgram): Question {
  const { program } = metal;
  const q = new Question(program);
  const p = T.wordVar('p');
  const state = anyState(metal, 'M');
  q.assume(isPartition(metal, state, p));
  assumeLayout(metal, q, state, p);
  const execution = new MetalExecution(program, 'run');
  execution.call('preparePmp', [state, state]);
  execution.call('confine', [state, p]);
  const at = L.longVar('address');
  const physical = L.ult64(at, L.long(1n << 56n));
  const goals = (who: string, isGuest: boolean): void => {
    const pmp = pmpOf(execution);
    q.goal(`${who}: no entry is locked or reserved`, isRegular(pmp));
    regionsOf(metal, state, p, isGuest).forEach((region, i) => {
      const entry = entryOf(pmp, i);
      q.goal(`${who}: bytes of entry ${i}`, implies(physical, eq(entry.matches(at), contains(region, at))));
      for (const kind of KINDS) {
        const is = eq(entry.allows(kind), region.admits(kind));
        q.goal(`${who}: ${kind} of entry ${i}`, implies(region.exists, is));
      }
    });
  };
  goals('partition', false);
  execution.call('confineGuest', [state, p, T.TRUE]);
  goals('guest', true);
  execution.call('confineGuest', [state, p, T.FALSE]);
  goals('partition again', false);
  const regions = regionsOf(metal, state, p, false);
  regions.forEach((a, i) => {
    for (const [j, b] of regions.entries()) {
      if (j < i) q.goal(`regions ${j} and ${i} share no byte`, not(and(contains(a, at), contains(b, at))));
    }
  });
  return q;
}
/**
 * PRIORITY: entries of which no two match the same byte admit an access exactly if one of them matches all its bytes and allows it.
 * Whatever they match: with PMP's bytes and rights in their place, the access is admitted exactly if a region of p has it.
 */
export function askPriority(metal: MetalProgram): Question {
  const q = new Question(metal.program);
  const entries = Array.from({ length: ENTRIES }, (_, i): Entry => ({
    matches: (x) => T.boolVar(`entry ${i} matches ${T.show(x)}`),
    allows: (kind) => T.boolVar(`entry ${i} allows ${kind}`),
  }));
  for (const kind of KINDS) {
    const access = { at: L.longVar('address'), bytes: T.wordVar('bytes'), kind };
    const apart = bytesOf(access).flatMap(({ at }) =>
      entries.flatMap((a, i) => entries.slice(0, i).map((b) => not(and(a.matches(at), b.matches(at))))),
    );
    q.goal(kind, implies(and(isAccess(access), ...apart), eq(isAdmitted(entries, access), isWithin(entries, access))));
  }
  return q;
}
