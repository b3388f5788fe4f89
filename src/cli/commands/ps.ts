import { type Command } from '../command.ts';
import { EXIT } from '../failure.ts';
import { runningSystems } from '../management.ts';
import { bytesText, stateText, summaryOf, table } from '../running.ts';

export const command: Command = {
  name: 'ps',
  usage: 'ps [--json]',
  summary: 'List the running systems and their partitions.',
  options: { json: { summary: 'write one JSON document' } },

  async run(call, io) {
    const systems = await Promise.all(runningSystems(io.env).map((system) => summaryOf('ps', system)));
    if (call.has('json')) {
      io.out(`${JSON.stringify({ schema: 'virtsec.ps/1', systems })}\n`);
      return EXIT.ok;
    }
    if (systems.length === 0) io.note('No system runs.\n');
    for (const { system, pid, seconds, partitions, windows } of systems) {
      io.out(`${io.paint('out', 'bold', system)}  pid ${pid}, ${Math.round(seconds)} s\n`);
      const rows = partitions.map((p) => [
        `  ${p.name}`,
        p.kind,
        stateText(p),
        p.pid === undefined ? '-' : String(p.pid),
        String(Math.max(0, p.starts - 1)),
        p.memoryBytes === undefined ? '-' : bytesText(p.memoryBytes),
        p.layers.length === 0 ? '-' : p.layers.join(' '),
      ]);
      io.out(table([['  PARTITION', 'KIND', 'STATE', 'PID', 'RESTARTS', 'MEMORY', 'JAIL'], ...rows]));
      const missing = new Set(partitions.flatMap((p) => p.missing.map(({ layer, reason }) => `${layer} (${reason})`)));
      if (windows?.bestEffort !== undefined) io.out(`  windows: best effort (${windows.bestEffort})\n`);
      if (missing.size > 0) io.out(`  missing: ${[...missing].join('; ')}\n`);
    }
    return EXIT.ok;
  },
};
