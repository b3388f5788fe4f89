// node src/compiler/main.ts image FILE... -o OUT [--flat] [--listing] [--check]
// node src/compiler/main.ts validate FILE... [--roots=NAME,...] [--only=NAME,...] [--solver=z3] [--mutate=N] [--seed=N]
// node src/compiler/main.ts compile FILE... --roots=NAME,... -o OUT [--base=ADDRESS] [--listing] [--check]
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { OutsideLanguage } from '../proof/language.ts';
import { Assembler } from './assemble.ts';
import { compileInto, emitTexts } from './compile.ts';
import { debugSections } from './dwarf.ts';
import { elfFile } from './elf.ts';
import { RAM, buildImage, functionSymbols } from './image.ts';
import { listing } from './listing.ts';
import { solver } from '../proof/solver.ts';
import { readSources, readUnit } from './source.ts';
import { mutate } from './validation/mutate.ts';
import { Validation } from './validation/validate.ts';
import type { SourceFile } from '../proof/language.ts';
import type { SolverName } from '../proof/solver.ts';

const USAGE = `usage: node src/compiler/main.ts image FILE... -o OUT [--flat] [--listing] [--check]
       node src/compiler/main.ts compile FILE... --roots=NAME,... -o OUT [--base=ADDRESS] [--flat] [--listing] [--check]
       node src/compiler/main.ts validate FILE... [--roots=NAME,...] [--only=NAME,...] [--solver=wasm|z3|cvc5]
            [--mutate=N] [--seed=N]
`;
/** Seconds for one question; for one about code that is wrong. */
const LIMIT = 120;
const LIMIT_MUTATED = 5;

const SOLVERS: readonly SolverName[] = ['wasm', 'z3', 'cvc5'];

function fail(message: string, status: number): never {
  process.stderr.write(message);
  process.exit(status);
}

interface ValidateOptions {
  readonly roots: readonly string[];
  readonly only: readonly string[] | undefined;
  readonly solver: SolverName;
  readonly mutate: number;
  readonly seed: number;
}
/** Exported functions, without the predicates of the core's validator: those are built into what asks them. */
function exportedBy(files: readonly SourceFile[]): string[] {
  const { functions } = readUnit(files).program;
  return [...functions.values()].filter((f) => f.exported && !f.name.includes('_')).map((f) => f.name);
}
async function validate(files: readonly SourceFile[], options: ValidateOptions): Promise<void> {
  const begun = performance.now();
  const asm = new Assembler();
  const compilation = compileInto(asm, files, { roots: options.roots });
  const validation = new Validation(compilation, asm.link(RAM));
  const names = options.only ?? compilation.functions;
  const solve = await solver(options.solver, options.mutate > 0 ? LIMIT_MUTATED : LIMIT);
  let wrong = 0;
  for (const name of options.mutate > 0 ? [] : names) {
    const v = await validation.function_(name, solve);
    if (v.refused !== undefined) wrong += 1;
    const counts = `${v.instructions} instructions, ${v.joins} joins, ${v.goals} goals, ${v.asked} asked`;
    const result = v.refused === undefined ? 'proved ' : 'REFUSED';
    console.log(`${result} ${name.padEnd(16)} ${counts}, ${v.milliseconds.toFixed(0)} ms ${v.refused ?? ''}`);
  }
  if (options.mutate > 0) {
    let refused = 0;
    await mutate(validation, names, solve, { count: options.mutate, seed: options.seed }, (m) => {
      if (m.refused !== undefined) refused += 1;
      else console.log(`accepted: ${m.name} ${m.address.toString(16)} bit ${m.bit}: ${m.before} -> ${m.after}`);
    });
    console.log(`${refused} of ${options.mutate} flipped bits refused`);
  } else {
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    const bytes = validation.code.length * 4;
    console.log(`${names.length - wrong} of ${names.length} functions proved, ${bytes} bytes, ${seconds} s`);
  }
  // The solver's threads never end.
  process.exit(wrong === 0 ? 0 : 1);
}

async function run(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      output: { type: 'string', short: 'o' },
      roots: { type: 'string' },
      base: { type: 'string' },
      flat: { type: 'boolean', default: false },
      listing: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      only: { type: 'string' },
      solver: { type: 'string', default: 'wasm' },
      mutate: { type: 'string', default: '0' },
      seed: { type: 'string', default: '1' },
    },
  });
  const [command, ...paths] = positionals;
  const { output, check } = values;
  const isValidation = command === 'validate';
  if (paths.length === 0 || (output === undefined && !values.listing && !isValidation)) fail(USAGE, 2);
  const files = readSources(paths);
  if (isValidation) {
    const name = SOLVERS.find((s) => s === values.solver);
    if (name === undefined) fail(USAGE, 2);
    await validate(files, {
      roots: values.roots?.split(',') ?? exportedBy(files),
      only: values.only?.split(','),
      solver: name,
      mutate: Number(values.mutate),
      seed: Number(values.seed),
    });
  } else if (command === 'image') {
    const image = buildImage(files, { check });
    if (output !== undefined) writeFileSync(output, values.flat ? image.flat : image.elf);
    if (values.listing) process.stdout.write(listing(image.linked, files));
  } else if (command === 'compile' && values.roots !== undefined) {
    const asm = new Assembler();
    const { unit } = compileInto(asm, files, { roots: values.roots.split(','), check });
    asm.endCode();
    emitTexts(asm, unit);
    const base = Number(values.base ?? RAM);
    const linked = asm.link(base);
    const functions = functionSymbols(linked);
    const text = { name: '.text', type: 1, flags: 6, address: base, bytes: linked.bytes };
    const elf = elfFile(base, [text, ...debugSections(linked, files, functions)], functions);
    if (output !== undefined) writeFileSync(output, values.flat ? linked.bytes : elf);
    if (values.listing) process.stdout.write(listing(linked, files));
  } else {
    fail(USAGE, 2);
  }
}

try {
  await run();
} catch (error) {
  if (!(error instanceof OutsideLanguage)) throw error;
  fail(`${error.message}\n`, 1);
}
