// Makes a program that differs smaller while it still differs: drops groups, then single instructions, then rounds.
// All candidates of a step run in one batch.

import { BATCH_LIMIT, buildImage, outcomeOf } from './batch.ts';
import { CODE, describeOffset, LOG } from './layout.ts';
import { compareBatch, type Difference, type Run } from './judge.ts';
import type { Group, Item, Program } from './program.ts';

const NOP: Item = { kind: 'word', word: 0x13, size: 4 };
const SHORT_NOP: Item = { kind: 'word', word: 0x0001, size: 2 };

export interface Shrunk {
  readonly program: Program;
  readonly difference: Difference;
  /** Arenas of the last run of this program alone, as it was the only one of its batch. */
  readonly expected: Uint8Array;
  readonly got: Uint8Array;
}

/** What kind of thing differs: a smaller program must differ in the same, or it may show another fault. */
function fieldOf({ offset }: Difference): string {
  return offset >= LOG && offset < CODE ? describeOffset(offset).replace(/^trap \d+ /, '') : 'memory or register';
}

/** Which candidates still differ. Those behind one that hangs are not tried. */
async function differing(candidates: readonly Program[], peer: Run, subject: Run, field?: string): Promise<Program[]> {
  const kept: Program[] = [];
  // A program that locks PMP entries must run alone.
  const size = candidates[0]?.locked ? 1 : BATCH_LIMIT;
  for (let from = 0; from < candidates.length; from += size) {
    const batch = candidates.slice(from, from + size);
    const image = buildImage(batch);
    const [expected, got] = [await peer(image), await subject(image)];
    for (const { index, difference } of compareBatch(batch.length, expected, got).verdicts) {
      if (field === undefined || fieldOf(difference) === field) kept.push(batch[index]);
    }
  }
  return kept;
}

/**
 * Shrinks a program.
 * @returns undefined if it does not differ when it runs alone
 */
export async function shrink(program: Program, peer: Run, subject: Run): Promise<Shrunk | undefined> {
  let best = program;
  const alone = await runAlone(program, peer, subject);
  if (alone === undefined) return undefined;
  const field = fieldOf(alone.difference);
  const tryAll = async (candidates: readonly Program[]): Promise<boolean> => {
    const kept = await differing(candidates, peer, subject, field);
    if (kept.length === 0) return false;
    [best] = kept;
    return true;
  };
  for (const rounds of [1, 2, 4]) {
    if (rounds < best.rounds && (await tryAll([{ ...best, rounds }]))) break;
  }
  // Halves, quarters, ... of the groups; at each size the first candidate that still differs wins.
  for (let parts = 2; best.groups.length > 1;) {
    const size = Math.ceil(best.groups.length / parts);
    const candidates: Program[] = [];
    for (let from = 0; from < best.groups.length; from += size) {
      const groups = best.groups.filter((_, i) => i < from || i >= from + size);
      candidates.push({ ...best, groups });
    }
    if (await tryAll(candidates)) parts = Math.max(2, Math.min(parts, best.groups.length));
    else if (size === 1) break;
    else parts = Math.min(2 * parts, best.groups.length);
  }
  for (let again = true; again;) {
    const kept = await differing(withoutOneItem(best), peer, subject, field);
    if (kept.length === 0) break;
    // All that can go alone can mostly go together.
    again = await tryAll([withoutItems(best, kept), kept[0]]);
  }
  return runAlone(best, peer, subject);
}

async function runAlone(program: Program, peer: Run, subject: Run): Promise<Shrunk | undefined> {
  const image = buildImage([program]);
  const [expected, got] = [await peer(image), await subject(image)];
  const difference = compareBatch(1, expected, got).verdicts[0]?.difference;
  return difference && { program, difference, expected: outcomeOf(expected, 0).bytes, got: outcomeOf(got, 0).bytes };
}

/** Programs that lack one more instruction each. */
function withoutOneItem(program: Program): Program[] {
  const candidates: Program[] = [];
  program.groups.forEach((group, g) => {
    group.items.forEach((item, i) => {
      if (isNop(item) || controlsLoop(group, i)) return;
      const nop = item.kind === 'word' && item.size === 2 ? SHORT_NOP : NOP;
      const changed: Group = { ...group, items: group.items.with(i, nop) };
      candidates.push({ ...program, groups: program.groups.with(g, changed) });
    });
  });
  return candidates;
}

/** Whether a loop of the group might run for ever without this item: its counter's setting, step and branch. */
function controlsLoop(group: Group, index: number): boolean {
  const backward = group.items.flatMap((item, i) =>
    item.kind === 'branch' && item.target.group === group.index && item.target.item <= i ? [i] : [],
  );
  if (backward.length === 0) return false;
  const last = group.items.length - 1;
  return backward.length > 1 || backward[0] !== last || index === 0 || index >= last - 1;
}

/** The program with a nop wherever one of these has one. */
function withoutItems(program: Program, candidates: readonly Program[]): Program {
  const groups = program.groups.map((group, g) => ({
    ...group,
    items: group.items.map((item, i) => candidates.map((c) => c.groups[g].items[i]).find(isNop) ?? item),
  }));
  return { ...program, groups };
}

function isNop(item: Item): boolean {
  return item.kind === 'word' && (item.word === 0x13 || item.word === 0x0001);
}
