// Every rule that a description must keep beyond its shape: each function that the modules of validators/ export.
import * as capacities from './validators/capacities.ts';
import * as channels from './validators/channels.ts';
import * as claims from './validators/claims.ts';
import * as faults from './validators/faults.ts';
import * as grants from './validators/grants.ts';
import * as partitions from './validators/partitions.ts';
import * as schedule from './validators/schedule.ts';
import type { Validator } from './validators/validator.ts';

export type { Host, Validator } from './validators/validator.ts';

export const VALIDATORS: readonly Validator[] = [
  channels,
  partitions,
  grants,
  schedule,
  faults,
  claims,
  capacities,
].flatMap((module): Validator[] => Object.values(module));

/** Rules that ask for files which may be made later: only warnings while a system is being designed. */
export const PRESENCE: readonly Validator[] = [partitions.appsExist, grants.grantedFilesExist];
