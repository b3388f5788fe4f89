import { EXIT } from '../failure.ts';
import { askSystem, chooseSystem, managementCommand } from '../running.ts';

export const command = managementCommand(
  'stop',
  'Stop a partition, or end the whole system.',
  'Without PARTITION: the system ends as with Ctrl-C, which whoever runs it may always do.',
  async (call, io) => {
    await askSystem('stop', chooseSystem('stop', call, io), { do: 'end' });
    return EXIT.ok;
  },
);
