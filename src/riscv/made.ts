// Modules of the machines that most guests are. Making one takes some 50 ms of CPU time, a fortieth of Debian's boot: the build makes
// them and writes them into this module's built form (scripts/build.js). Any other machine's is made when it starts; from the sources, all are.
import type { Core } from './core.ts';
import type { Layout } from './layout.ts';
import type { FunctionType } from './wasm/encoder.ts';

/** All that a core's module depends on. */
export function formOf(layout: Layout, hart: number, fuses: boolean): string {
  const { harts, ramBase, ramBytes, clock, threshold } = layout;
  return [harts, ramBase, ramBytes, clock, threshold, hart, fuses].join();
}

/** By form: the bytes in base64 and the types of the functions by name, as JSON, since only what is asked for is then parsed. */
export const MADE: Readonly<Record<string, string>> = {};

/** The module of a form, if it was made. */
export function madeCore(form: string): Core | undefined {
  const made = MADE[form];
  if (made === undefined) return undefined;
  const [bytes, functions] = JSON.parse(made) as [string, [string, FunctionType][]];
  return { bytes: Uint8Array.fromBase64(bytes), functions: new Map(functions) };
}
