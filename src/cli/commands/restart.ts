import { managementCommand } from '../running.ts';

export const command = managementCommand(
  'restart',
  'Stop a partition for certain, wipe it and start it again.',
  'Its queues are empty afterwards, and its streams begin anew; the others notice only that.',
);
