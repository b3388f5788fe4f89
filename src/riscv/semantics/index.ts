// Semantics of every instruction, once, for every target.

import { NAMES } from '../instructions.ts';
import type { Name } from '../instructions.ts';
import { FLOAT } from './float.ts';
import { INTEGER } from './integer.ts';
import { MEMORY_SEMANTICS } from './memory.ts';
import type { Semantics, System } from './target.ts';

const SYSTEM: readonly System[] = [
  'fence.i',
  'ecall',
  'ebreak',
  'mret',
  'sret',
  'wfi',
  'sfence.vma',
  'illegal',
  'csrrw',
  'csrrs',
  'csrrc',
  'csrrwi',
  'csrrsi',
  'csrrci',
];

const ALL: Partial<Record<Name, Semantics>> = { ...INTEGER, ...MEMORY_SEMANTICS, ...FLOAT };
for (const instruction of SYSTEM) ALL[instruction] = (t) => t.system(instruction);

/** By instruction number. */
export const SEMANTICS: readonly Semantics[] = NAMES.map((name) => {
  const semantics = ALL[name];
  if (!semantics) throw new Error(`no semantics for ${name}`);
  return semantics;
});
