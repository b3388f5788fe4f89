import type { Command } from '../command.ts';
import { EXIT } from '../failure.ts';
import { SYSTEM_OPTION, askSystem, chooseSystem } from '../running.ts';

export const command: Command = {
  name: 'events',
  usage: 'events [options]',
  summary: 'Show what happens in a running system, a line of JSON each, until it ends.',
  options: SYSTEM_OPTION,

  async run(call, io) {
    const system = chooseSystem('events', call, io);
    await askSystem('events', system, { do: 'events', follow: true }, (event) => io.out(`${JSON.stringify(event)}\n`));
    return EXIT.ok;
  },
};
