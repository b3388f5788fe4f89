// The kernel on bare metal as one program: core, its specification, and all of kernel/metal.
import path from 'node:path';
import { readSources, readUnit } from '../../compiler/source.ts';
import { kernelSources } from '../../compiler/system-image.ts';
import { FOLDER } from '../manifest.ts';
import { State } from '../state.ts';
import type { Unit } from '../../compiler/source.ts';
import type { Program, SourceFile } from '../language.ts';

const KERNEL = path.resolve(FOLDER, '..');

/** Core and supervisor in the order of use, as the image has them, and behind them the core's invariant. */
export function metalSources(): SourceFile[] {
  const kernel = kernelSources(KERNEL);
  const [spec] = readSources([path.join(FOLDER, 'spec.ts')]);
  // Functions of one module alone may be called as in another; one program has them under one name each.
  const taken = new Set(
    kernel.flatMap(({ text }) => [...text.matchAll(/^(?:export )?function (\w+)/gm)].map((m) => m[1])),
  );
  const own = [...spec.text.matchAll(/^function (\w+)/gm)].map((m) => m[1]).filter((name) => taken.has(name));
  const text = own.reduce((all, name) => all.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), `spec_${name}`), spec.text);
  const sound = readSources([path.join(import.meta.dirname, 'sound.ts')]);
  return [...kernel, { ...spec, text }, ...sound].map((file) => ({ ...file, name: path.relative(KERNEL, file.name) }));
}
export interface MetalProgram {
  readonly unit: Unit;
  readonly program: Program;
  /** Nothing that runs writes it: the core's plan. */
  readonly isPlan: (field: string) => boolean;
}
export function metalProgram(files: readonly SourceFile[] = metalSources()): MetalProgram {
  const unit = readUnit(files);
  const { program, classes } = unit;
  const core = new Set(classes.get('Kernel'));
  const isPlan = (field: string): boolean =>
    core.has(field) && !program.functions.has(`vis_${field}`) && !program.functions.has(`see_${field}`);
  return { unit, program, isPlan };
}
/** Any state of core and supervisor; all of them share the plan, of which `boot` has its hypothesis. */
export const anyState = ({ program, isPlan }: MetalProgram, name: string): State => {
  const { tables, fields } = State.any(program, name, isPlan);
  return new State(tables, fields, isPlan);
};
