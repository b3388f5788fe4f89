// `virtsec check --prove` as text.
import type { ProvedCore } from '../../kernel/proved-core.ts';
import { type AssertedFlow, type Separation, SEPARATING } from '../analysis/separation.ts';
import type { Undeclared } from '../analysis/undeclared.ts';
import { harmless } from '../source.ts';
import type { Paint } from './text.ts';

export interface Proof {
  readonly system: string;
  /** SHA-256 of the plan. */
  readonly plan: string;
  readonly core: ProvedCore;
  readonly separation: Separation;
  readonly assertions: readonly AssertedFlow[];
  readonly notCovered: readonly Pick<Undeclared, 'kind' | 'partitions' | 'sentence'>[];
  /** Partitions whose devices read and write all memory, the kernel's too: against them nothing is proved. */
  readonly freeDma: readonly string[];
  /** The form of each replica. */
  readonly replicaOf: Readonly<Record<string, string>>;
}

/** Theorems of the separation that the manifest does not hold. */
export const unproved = ({ isProved, theorems }: ProvedCore): string[] =>
  SEPARATING.map(([name]) => name).filter((name) => !isProved || !Object.hasOwn(theorems, name));

const BEYOND = 'how long anything takes, caches, the processor and the host below: docs/threat-model.md';

const list = (names: readonly string[]): string => (names.length === 0 ? 'nobody' : names.join(', '));

/** Names, the replicas of a form together. */
function together(names: readonly string[], replicaOf: Proof['replicaOf']): string {
  const forms = new Map<string, string[]>();
  for (const name of names) {
    const form = replicaOf[name] ?? name;
    forms.set(form, [...(forms.get(form) ?? []), name]);
  }
  return [...forms]
    .map(([form, some]) => {
      if (some.length === 1) return some[0];
      const numbers = some.map((name) => name.slice(form.length + 1));
      return `${form}-{${numbers.join(',')}}`;
    })
    .join(', ');
}

/** Rows `name  others`, one for each name that has others. */
function rows(pairs: readonly (readonly [string, string])[], { replicaOf }: Proof, arrow: string): string[] {
  const others = new Map<string, string[]>();
  for (const [one, other] of pairs) others.set(one, [...(others.get(one) ?? []), other]);
  const width = Math.max(0, ...[...others.keys()].map((name) => name.length));
  return [...others].map(([name, some]) => `  ${name.padEnd(width)}  ${arrow}  ${together(some, replicaOf)}`);
}

export function proofText(proof: Proof, paint: Paint): string {
  const { system, plan, core, separation, assertions, notCovered, freeDma } = proof;
  const { separate, oneWay, pairs, ends, switches, isJustified, isInvariant } = separation;
  const missing = unproved(core);
  const names = SEPARATING.map(([name]) => name).join(', ');
  const verdict =
    missing.length === 0
      ? paint.good('proved')
      : paint.bad(
          core.isProved
            ? `NOT proved of this core: ${missing.join(', ')}`
            : `this core is NOT the proved one (changed: ${core.changed.join(', ')})`,
        );
  const further = core.isProved
    ? Object.keys(core.theorems).filter((name) => !SEPARATING.some(([theorem]) => theorem === name))
    : [];
  const byTheSchedule = pairs.filter(({ by }) => by === 'schedule');
  return harmless(
    [
      paint.title(`What is proved of ${system}`),
      `  plan  ${plan}: the core accepts it`,
      `        ${isJustified && isInvariant ? 'looked at here: every flow is justified, and the invariant holds' : paint.bad('the specification does not hold of it')}`,
      `  core  ${core.sha256} (${core.file}): ${verdict}${core.isProved ? ` (${core.solvers.join(', ')})` : ''}`,
      ...(freeDma.length === 0
        ? []
        : [
            paint.bad(
              `  NOTHING below holds against ${freeDma.join(', ')}: a device of it reads and writes all memory`,
            ),
          ]),
      '',
      paint.title(`Separate: no chain of allowed flows leads from one to the other, either way  (${names})`),
      ...(separate.length === 0 ? ['  none'] : rows(separate, proof, '|')),
      '',
      paint.title('One way: the second never reaches the first  (the same theorems)'),
      ...(oneWay.length === 0
        ? ['  none']
        : rows(
            oneWay.map(({ from, to }) => [from, to]),
            proof,
            '->',
          )),
      '',
      ...(byTheSchedule.length === 0
        ? []
        : [
            paint.title(`Joined by the schedule alone: ${list(switches)} may switch its modes, which all see`),
            ...rows(
              byTheSchedule.map(({ from, to }) => [from, to]),
              proof,
              '->',
            ),
            '',
          ]),
      ...(assertions.length === 0
        ? []
        : [
            paint.title("Asserted, held against the core's own policy"),
            ...assertions.map(({ text, holds }) => `  ${holds ? paint.good('holds ') : paint.bad('BROKEN')}  ${text}`),
            '',
          ]),
      paint.title('The theorems'),
      ...SEPARATING.map(
        ([name, says]) => `  ${(missing.includes(name) ? paint.bad : paint.good)(name.padEnd(7))} ${says}`,
      ),
      ...(further.length === 0 ? [] : [`  also    ${further.join(', ')}: docs/proof.md`]),
      '',
      paint.title('Not covered'),
      `  end      all this is up to the end of the system; ${list(ends)} can bring it about, and everybody sees it, once`,
      ...notCovered
        .filter(({ kind }) => kind !== 'end')
        .map(({ kind, sentence }) => `  ${kind.padEnd(7)}  ${sentence}`),
      `  beyond   ${BEYOND}`,
      '',
    ].join('\n'),
  );
}
