import { type Command, usageFailure } from '../command.ts';
import { EXIT } from '../failure.ts';
import { SYSTEM_OPTION, askSystem, chooseSystem } from '../running.ts';

export const command: Command = {
  name: 'logs',
  usage: 'logs PARTITION [options]',
  summary: "Show the newest lines of a partition's log.",
  options: { ...SYSTEM_OPTION, follow: { short: 'f', summary: 'go on with what comes' } },

  async run(call, io) {
    const [partition] = call.words;
    if (partition === undefined || call.words.length > 1) throw usageFailure(command, 'which partition?');
    const system = chooseSystem('logs', call, io);
    await askSystem('logs', system, { do: 'logs', partition, follow: call.has('follow') }, ({ text }) =>
      io.out(`${String(text)}\n`),
    );
    return EXIT.ok;
  },
};
