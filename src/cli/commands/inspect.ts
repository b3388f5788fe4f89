import { type Command, usageFailure } from '../command.ts';
import { EXIT, Failure } from '../failure.ts';
import { SYSTEM_OPTION, bytesText, chooseSystem, stateText, summaryOf } from '../running.ts';

export const command: Command = {
  name: 'inspect',
  usage: 'inspect PARTITION [options]',
  summary: 'Show what is known of a running partition.',
  options: { ...SYSTEM_OPTION, json: { summary: 'write one JSON document' } },

  async run(call, io) {
    const [name] = call.words;
    if (name === undefined || call.words.length > 1) throw usageFailure(command, 'which partition?');
    const { system, partitions } = await summaryOf('inspect', chooseSystem('inspect', call, io));
    const one = partitions.find((p) => p.name === name);
    if (one === undefined) {
      const names = partitions.map((p) => p.name).join(', ');
      throw new Failure(EXIT.usage, `virtsec inspect: ${system} has no partition \`${name}\``, `partitions: ${names}`);
    }
    if (call.has('json')) {
      io.out(`${JSON.stringify({ schema: 'virtsec.inspect/1', system, ...one })}\n`);
      return EXIT.ok;
    }
    const lines: (readonly [string, string | number | undefined])[] = [
      ['partition', `${one.name} (${one.kind}) of ${system}`],
      ['state', stateText(one)],
      ['pid', one.pid],
      ['starts', one.starts],
      ['faults', one.faults],
      ['denied calls', one.denied],
      ['resets', one.resets],
      ['processor time', one.cpuMs === undefined ? undefined : `${(one.cpuMs / 1000).toFixed(2)} s`],
      ['memory', one.memoryBytes === undefined ? undefined : bytesText(one.memoryBytes)],
      ['jail', one.layers.join(' ')],
      ...one.missing.map(({ layer, reason }) => [`without ${layer}`, reason] as const),
    ];
    for (const [what, value] of lines) if (value !== undefined) io.out(`${what.padEnd(16)}${value}\n`);
    return EXIT.ok;
  },
};
