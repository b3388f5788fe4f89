// Tables of the health monitor (ARINC 653 P1, 2.4): what is done about faults of a process, a partition and the module.
import type { Description, Partition } from '../description.ts';
import type { Fault } from '../source.ts';

const RESTARTS = ['warm-restart', 'cold-restart'];

const restarts = ({ faults }: Partition): boolean =>
  [...faults.actions.values(), faults.otherwise].some((action) => RESTARTS.includes(action));

/** One of each form: replicas share their text. */
const forms = ({ partitions }: Description): Partition[] =>
  partitions.filter(
    (one, i) => i === 0 || one.replicaOf === undefined || partitions[i - 1].replicaOf !== one.replicaOf,
  );

const nameOf = ({ name, replicaOf }: Partition): string => replicaOf ?? name;

/** VS401: A budget or wait between restarts belongs to a partition that some fault restarts. */
export function budgetsHaveRestarts(description: Description): Fault[] {
  return forms(description).flatMap((partition) =>
    (['restarts', 'backoff'] as const)
      .filter((key) => partition.at[`faults.${key}`] !== undefined && !restarts(partition))
      .map((key) => ({
        code: 'VS401',
        at: partition.at[`faults.${key}`],
        sentence: `no fault restarts \`${nameOf(partition)}\`, so \`${key}\` means nothing`,
        help: 'write for example `exit: cold-restart`, or remove it',
      })),
  );
}

/** VS402: `heartbeat` says what to do when the beat is lost, and `beat` how often it must come: both stand, or none. */
export function heartbeatsAreWhole(description: Description): Fault[] {
  return forms(description).flatMap((partition): Fault[] => {
    const { heartbeat, beat } = { heartbeat: partition.at['faults.heartbeat'], beat: partition.at['faults.beat'] };
    const at = heartbeat ?? beat;
    if (at === undefined || (heartbeat !== undefined && beat !== undefined)) return [];
    const [has, lacks, example] =
      beat === undefined ? ['heartbeat', 'beat', 'beat: 100ms'] : ['beat', 'heartbeat', 'heartbeat: cold-restart'];
    const sentence = `\`${nameOf(partition)}\` has \`${has}\` without \`${lacks}\``;
    return [{ code: 'VS402', at, sentence, help: `add \`${example}\`` }];
  });
}

/** VS403: A deadline can be missed only by a partition that says what time it `needs`. */
export function deadlinesHaveNeeds(description: Description): Fault[] {
  return forms(description).flatMap((partition): Fault[] => {
    const at = partition.at['faults.deadline'];
    if (at === undefined || partition.needs !== undefined) return [];
    const sentence = `\`${nameOf(partition)}\` has no deadline to miss`;
    return [{ code: 'VS403', at, sentence, help: 'say what time it needs: `needs: 5ms every 20ms`' }];
  });
}

/** VS404: Faults of processes are told apart in applications alone: of a guest or a driver the kernel sees one thing. */
export function processesAreApps(description: Description): Fault[] {
  return forms(description).flatMap((partition): Fault[] => {
    const at = partition.at['faults.process'];
    if (at === undefined || partition.form === 'app') return [];
    const sentence = `\`${nameOf(partition)}\` is a ${partition.form}, and only an application has processes that the kernel knows`;
    return [{ code: 'VS404', at, sentence, help: 'remove `process`' }];
  });
}

/** VS405: A warm restart keeps memory, so only an application can use it: a guest or driver is loaded again. */
export function warmRestartsAreApps(description: Description): Fault[] {
  return forms(description).flatMap((partition): Fault[] => {
    if (partition.form === 'app') return [];
    const keys = [...partition.faults.actions].flatMap(([key, action]) => (action === 'warm-restart' ? [key] : []));
    const key = keys[0] ?? (partition.faults.otherwise === 'warm-restart' ? 'otherwise' : undefined);
    if (key === undefined) return [];
    const sentence = `\`${nameOf(partition)}\` is a ${partition.form}, which cannot go on with the memory that it had`;
    return [{ code: 'VS405', at: partition.at[`faults.${key}`], sentence, help: `write \`${key}: cold-restart\`` }];
  });
}

/** VS406: A partition that has exited or trapped cannot go on: such a fault is not ignored or only logged. */
export function endsAreAnswered(description: Description): Fault[] {
  return forms(description).flatMap((partition) =>
    (['trap', 'exit'] as const).flatMap((key): Fault[] => {
      const action = partition.faults.actions.get(key);
      if (action !== 'ignore' && action !== 'log') return [];
      const sentence = `after \`${key}\` there is nothing of \`${nameOf(partition)}\` left to go on: \`${action}\` is no answer`;
      const help = `write \`${key}: stop\` or \`${key}: cold-restart\``;
      return [{ code: 'VS406', at: partition.at[`faults.${key}`], sentence, help }];
    }),
  );
}

/** VS407: The restarts of a budget, with the waits before them, fit into its time: else the budget is never spent. */
export function budgetsCanBeSpent(description: Description): Fault[] {
  return forms(description).flatMap((partition): Fault[] => {
    const { restarts: budget, backoff } = partition.faults;
    const at = partition.at['faults.backoff'] ?? partition.at['faults.restarts'];
    if (at === undefined || budget.count === 0) return [];
    // The wait doubles with each further restart.
    const waits = backoff * (2 ** budget.count - 1);
    if (waits < budget.per) return [];
    const sentence = `\`${nameOf(partition)}\` would wait longer for its ${budget.count} restarts than the time of the budget: it would restart for ever`;
    return [{ code: 'VS407', at, sentence, help: 'choose a shorter `backoff` or a longer time in `restarts`' }];
  });
}
