import { managementCommand } from '../running.ts';

export const command = managementCommand(
  'start',
  'Start a partition that is blank.',
  'One with `start: manual`, one that was stopped, or one whose budget of restarts is spent.',
);
