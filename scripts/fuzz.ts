// `npm run fuzz -- NAME [options]`: random tests that go on until a difference, a limit or an interrupt.

import { parseArgs } from 'node:util';

import { allActions } from '../src/oracle/actions.ts';
import { Explorer } from '../src/oracle/explore.ts';
import { SHIPPED as SHIPPED_CORE, StateSpace } from '../src/oracle/state.ts';
import { running, SYSTEMS, wordsOf } from '../src/oracle/tests/systems.ts';
import { fuzzCpu } from '../tests/differential/fuzz.ts';
import { fuzzPlans, SHIPPED } from '../tests/plan/fuzz.ts';

const USAGE = `npm run fuzz -- NAME [options]
  cpu    the CPU engine against qemu-system-riscv64
         --seed N            first program's seed (default: from the clock)
         --instructions N    stop after so many instructions were compared
         --time SECONDS      stop after so long
         --batch N           programs in one boot (default 300)
         --threshold N       translate code that is arrived at N times (1: all code; default 0: interpret)
  plan   hostile plans against file reader, loader and the core's \`boot\`
         --seed N            first plan's seed (default: from the clock)
         --plans N           how many (default 100,000)
  supervisor  the hosted supervisor, with processes that do anything, against the core, step by step
         --calls N           of partitions (default 1,000,000)
         --seed N            first run's seed (default: from the clock)
  core   small systems on the core in every order of what can happen: invariant and policy in every state
         --states N          states of each system (default 50,000)
`;

/** The longer, the further from the beginning; shorter ones begin with more dice. */
const STEPS_OF_A_RUN = 1000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string' },
    instructions: { type: 'string' },
    time: { type: 'string' },
    batch: { type: 'string' },
    threshold: { type: 'string' },
    plans: { type: 'string' },
    states: { type: 'string' },
    calls: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});

const number = (
  name: 'seed' | 'instructions' | 'time' | 'batch' | 'threshold' | 'plans' | 'states' | 'calls',
): number | undefined => {
  const text = values[name];
  if (text === undefined) return undefined;
  const value = Number(text.replaceAll('_', ''));
  if (!Number.isFinite(value) || value < 0) {
    console.error(`--${name} takes a number, not "${text}"`);
    process.exit(2);
  }
  return value;
};

if (
  values.help === true ||
  positionals.length !== 1 ||
  !['cpu', 'plan', 'core', 'supervisor'].includes(positionals[0] ?? '')
) {
  console.log(USAGE);
  process.exit(values.help === true ? 0 : 2);
}
if (positionals[0] === 'plan') {
  const seed = number('seed') ?? Date.now() % 2 ** 31;
  const result = fuzzPlans(SHIPPED, { plans: number('plans') ?? 100_000, seed });
  console.log(JSON.stringify({ seed, ...result }, null, 2));
  process.exit(result.wrong.length === 0 ? 0 : 1);
}
if (positionals[0] === 'supervisor') {
  const isSame = await fuzzSupervisor(number('calls') ?? 1_000_000, number('seed') ?? Date.now() % 2 ** 31);
  process.exit(isSame ? 0 : 1);
}
if (positionals[0] === 'core') process.exit(exploreSystems(number('states') ?? 50_000) ? 0 : 1);

/** Whether the supervisor did what the core does in all runs, until so many calls were made. */
async function fuzzSupervisor(most: number, first: number): Promise<boolean> {
  // Here, because it puts another core in the place of the supervisor's own.
  const { SUPERVISED, compare } = await import('../src/oracle/tests/supervised.ts');
  let [calls, actions, answers] = [0, 0, 0];
  for (let seed = first; calls < most; seed++) {
    for (const [name, words] of Object.entries(SUPERVISED)) {
      const compared = compare(words, seed, STEPS_OF_A_RUN);
      calls += compared.calls;
      actions += compared.actions;
      answers += compared.answers;
      if (compared.difference === undefined && compared.wrongAnswers === 0) continue;
      console.log(JSON.stringify({ seed, name, ...compared }, null, 2));
      return false;
    }
    if ((seed - first) % 20 === 19) console.error(`${calls} calls`);
  }
  console.log(JSON.stringify({ seed: first, calls, actions, answers, differences: 0 }, null, 2));
  return true;
}

/** Whether the policy is kept and the invariant holds in all of them. */
function exploreSystems(most: number): boolean {
  return Object.entries(SYSTEMS).every(([name, text]) => {
    const k = running(SHIPPED_CORE, wordsOf(text));
    const space = new StateSpace(SHIPPED_CORE, k, 1);
    const explorer = new Explorer(space, k, allActions(SHIPPED_CORE, k));
    const { states, steps, depth, violations } = explorer.run({ depth: 20, states: most });
    console.log(`${name}: ${states} states, ${steps} steps, whole to depth ${depth}`);
    for (const violation of violations) console.log(JSON.stringify(violation, null, 2));
    return violations.length === 0;
  });
}

const differences = await fuzzCpu({
  seed: number('seed') ?? Date.now() % 2 ** 31,
  programsInBatch: number('batch') ?? 300,
  threshold: number('threshold') ?? 0,
  ...(values.instructions === undefined ? {} : { instructions: number('instructions')! }),
  ...(values.time === undefined ? {} : { seconds: number('time')! }),
});
process.exitCode = differences === 0 ? 0 : 1;
