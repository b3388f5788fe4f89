// Compiled plans for tests: of partitions and one-way streams as they are named, or of a description whose partitions run a test's programs.
import * as core from '../../src/kernel/core/core.ts';
import { encodePlanFile } from '../../src/kernel/plan-file.ts';
import type { Plan, PlanPartition, PlanStream } from '../../src/kernel/plan.ts';
import { compileSystem, readDescription } from '../../src/policy/index.ts';
import { planWords } from '../../src/policy/plan-words.ts';
import type { TestPlan } from './system.ts';

const CREDIT = 500;
/** Ticks of 10 us: 10 ms. */
const FRAME = 1000;

const programsOf = (partitions: readonly PlanPartition[]): string[] => [
  ...new Set(partitions.map((p) => p.program).filter((program) => program.startsWith('/'))),
];

/** Everyone starts at boot, in the background, is halted by any fault, and has no ports. */
export function planFile(partitions: readonly PlanPartition[], streams: readonly PlanStream[]): TestPlan {
  const names: Plan = { virtsec: 1, system: 'test', partitions, streams };
  return { file: encodePlanFile(planWords(tablesOf(partitions, streams)), names), programs: programsOf(partitions) };
}

function tablesOf(partitions: readonly PlanPartition[], streams: readonly PlanStream[]): core.Kernel {
  const k = new core.Kernel();
  k.np = partitions.length;
  k.ns = streams.length;
  k.nmodes = 1;
  k.ncores = 1;
  k.nwindows = 1;
  k.frameLength[0] = FRAME;
  k.scheduleEnd[0] = 1;
  k.winPart[0] = -1;
  k.winEnd[0] = FRAME;
  const counting = (['guest', 'app'] as const).find((kind) => partitions.some((p) => p.kind === kind));
  partitions.forEach((partition, p) => {
    k.mayShutDown[p] = Number(partition.mayShutDown);
    k.counts[p] = Number(counting === undefined || partition.kind === counting);
    k.startsItself[p] = 1;
    k.background[p] = 1;
    k.quota[p] = CREDIT;
    k.manager[p] = -1;
    k.auditor[p] = -1;
    k.hmPeriod[p] = 1;
    k.hmAction.fill(core.HM_HALT, p * core.MAX_CODES, (p + 1) * core.MAX_CODES);
  });
  const end = (s: number, p: number, peer: number): number => {
    const e = k.ends[p]++;
    k.endStream[p * core.MAX_ENDS + e] = s;
    const pair = p * core.MAX_PARTITIONS + peer;
    k.joined[pair] |= 1 << e;
    if (k.policy[pair] === core.FLOW_NONE) {
      k.policy[pair] = core.FLOW_STREAM;
      k.shown[pair] = e;
    }
    return e;
  };
  streams.forEach(({ from, to }, s) => {
    k.streamFrom[s] = from;
    k.streamTo[s] = to;
    k.streamFromEnd[s] = end(s, from, to);
    k.streamToEnd[s] = end(s, to, from);
  });
  return k;
}

/** Of a description: each partition (an `app`, whose file need not exist) runs the program named for it, with its settings. */
export function describedPlan(
  yaml: string,
  programs: Readonly<
    Partial<
      Record<
        string,
        {
          readonly program: string;
          readonly config?: Readonly<Record<string, unknown>>;
          readonly files?: PlanPartition['files'];
        }
      >
    >
  >,
): TestPlan {
  const reading = readDescription('test.yaml', yaml, { fileExists: () => true } as never);
  if (reading.description === undefined) throw new Error(reading.messages.join('\n'));
  const { tables, plan } = compileSystem(reading.description, new Map(), { rows: 0, columns: 0 });
  const partitions = plan.partitions.map((p): PlanPartition => {
    const one = programs[p.name];
    return one === undefined
      ? p
      : { ...p, program: one.program, config: one.config ?? p.config, files: one.files ?? [] };
  });
  return { file: encodePlanFile(planWords(tables.kernel), { ...plan, partitions }), programs: programsOf(partitions) };
}
