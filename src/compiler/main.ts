// node src/compiler/main.ts image FILE... -o OUT [--flat] [--listing] [--check]
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
import { readSources } from './source.ts';

const USAGE = `usage: node src/compiler/main.ts image FILE... -o OUT [--flat] [--listing] [--check]
       node src/compiler/main.ts compile FILE... --roots=NAME,... -o OUT [--base=ADDRESS] [--flat] [--listing] [--check]
`;

function fail(message: string, status: number): never {
  process.stderr.write(message);
  process.exit(status);
}

function run(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      output: { type: 'string', short: 'o' },
      roots: { type: 'string' },
      base: { type: 'string' },
      flat: { type: 'boolean', default: false },
      listing: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
    },
  });
  const [command, ...paths] = positionals;
  const { output, check } = values;
  if (paths.length === 0 || (output === undefined && !values.listing)) fail(USAGE, 2);
  const files = readSources(paths);
  if (command === 'image') {
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
  run();
} catch (error) {
  if (!(error instanceof OutsideLanguage)) throw error;
  fail(`${error.message}\n`, 1);
}
