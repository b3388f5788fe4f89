// The CPU engine's seam (docs/design/seams.md): a machine of RV64GC harts over one shared memory. Runs in Node and browsers.

export { CSR0, Hart } from './hart.ts';
export type { Bus, Stop } from './hart.ts';
export { ISA } from './instructions.ts';
export { INSTRUCTIONS_PER_TICK } from './layout.ts';
export type { Clock, MachineConfiguration } from './layout.ts';
export { Machine } from './machine.ts';
export type { HartStatistics } from './statistics.ts';
export type { Mode, ResetState, SharedMachine } from './machine.ts';
