// Two guests at once, each under a VMM of its own, beside programs: what one keeps in the registers of S-mode and of floating point the
// other never sees, one is restarted while the other runs on. Control: with a register not switched, it is seen.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { Assembler } from '../../compiler/assemble.ts';
import { sourcesOf } from '../../compiler/bare-system.ts';
import { compileInto } from '../../compiler/compile.ts';
import { GP, RA, SP } from '../../compiler/instructions.ts';
import { GP_OFFSET } from '../../compiler/layout.ts';
import { readSources } from '../../compiler/source.ts';
import { buildSystem, kernelSources } from '../../compiler/system-image.ts';
import { qemu, runOnBoard, runOnQemu } from '../../compiler/tests/board.ts';
import { bootAsWritten, compileSystem, readDescription } from '../../policy/index.ts';
import { openPlanFile } from '../plan-file.ts';
import type { LoadedGuest } from '../../compiler/system-image.ts';
import type { SourceFile } from '../../proof/language.ts';

const SYSTEM = `
virtsec: 1
system: guests
partitions:
  left: { guest: { kernel: ./left }, memory: 16M, faults: { otherwise: cold-restart, backoff: 0us } }
  right: { guest: { kernel: ./right }, memory: 16M }
  warden: { app: ./warden.ts, memory: 64K, may: { manage: left, shut-down: true } }
  tty: { driver: console, memory: 64K, grants: { terminal: stdio } }
channels:
  left-con: { stream: left <-> tty, bytes: 4K, as: uart0 }
  right-con: { stream: right <-> tty, bytes: 4K, as: uart0 }
`;
const host = { fileExists: () => true, folderExists: () => true, images: [], firmware: [] };
const here = (name: string) => path.join(import.meta.dirname, name);
const SRC = path.resolve(import.meta.dirname, '../..');
const UART = { address: 0x1000_0000, bytes: 4096, rights: 'rw' } as const;
const BYTES = 1 << 16;

/** A program of S-mode with its state and stack behind it. */
function guest(who: number, base: number): LoadedGuest {
  const asm = new Assembler();
  asm.label('entry');
  asm.address(GP, 'state', GP_OFFSET);
  asm.address(SP, 'stack');
  asm.jump('main', RA);
  const [file] = readSources([here('tests/alone.ts')]);
  const text = file.text.replace('const WHO = 0;', `const WHO = ${who};`);
  compileInto(asm, [{ ...file, text }], { roots: ['main'] });
  asm.endCode();
  asm.align(16);
  asm.label('state');
  const { bytes } = asm.link(base, new Map([['stack', base + BYTES]]));
  return { blobs: [{ address: base, bytes }], entry: base, tree: base };
}
function build(kernel: readonly SourceFile[]) {
  const { description, messages } = readDescription('system.yaml', SYSTEM, host);
  assert.ok(description, messages.join('\n'));
  const { file, tables } = compileSystem(description, bootAsWritten(description), { rows: 0, columns: 0 });
  const programs = description.partitions.map(({ name, form }, p) => {
    const ends = tables.ports[p].filter(({ handle }) => handle >= 0);
    const ports = new Map(ends.map((end) => [end.name, end.handle])).set('*', ends.length);
    const common = { name, dataBytes: 16 * 1024, ports };
    if (form === 'guest') {
      const load = (base: number) => guest(name === 'left' ? 0 : 1, base);
      return { ...common, files: sourcesOf(`${SRC}/vmm/metal/vmm.ts`), devices: [], guest: { bytes: BYTES, load } };
    }
    if (name === 'warden') return { ...common, files: sourcesOf(here('tests/warden.ts')), devices: [] };
    return { ...common, files: sourcesOf(here('tests/both.ts')), devices: [UART] };
  });
  return buildSystem(kernel, openPlanFile(file).words, programs, tables.streams);
}
const KERNEL = kernelSources(path.resolve(import.meta.dirname, '..'));
const BOARD = { ramBytes: 16 << 20, budget: 200_000_000 };
const BOOT = 'Virtsec separation kernel on bare RV64\n';

/** Both begin, left once more; both are seen alive before and after; nobody sees anything foreign. */
function held(transcript: string): void {
  assert.ok(transcript.startsWith(BOOT), transcript);
  const said = transcript.slice(BOOT.length);
  assert.doesNotMatch(said, /#/);
  assert.equal(said.split('<').length - 1, 2, 'left begins twice');
  assert.equal(said.split('>').length - 1, 1, 'right begins once');
  const again = said.lastIndexOf('<');
  for (const part of [said.slice(0, again), said.slice(again)]) {
    assert.ok(part.split('A').length > 2 && part.split('B').length > 2, said);
  }
}

test('two guests keep their registers to themselves; one is restarted and the other runs on', () => {
  const image = build(KERNEL);
  const { transcript, status } = runOnBoard(image.flat, BOARD);
  held(transcript);
  assert.equal(status, 0);
  if (qemu) held(runOnQemu(image.elf).transcript);
});

/** What is left out, and a letter of what is then seen. */
const CONTROLS = [
  ['  keepFloats(g, old);', '#[fc]'],
  ['csrWrite(SSCRATCH, kept(g, p, S_SCRATCH));', '#s'],
  ['csrClear(MIP, word(SUPERVISOR_INTERRUPTS));\n', '#q'],
] as const;
test('control: a register that is not switched is seen', () => {
  for (const [line, letter] of CONTROLS) {
    assert.equal(
      KERNEL.map(({ text }) => text.split(line).length - 1).reduce((a, b) => a + b),
      1,
      line,
    );
    const open = KERNEL.map((file) => ({ ...file, text: file.text.replace(line, '') }));
    const { transcript } = runOnBoard(build(open).flat, { ...BOARD, budget: 7_000_000 });
    assert.match(transcript.slice(BOOT.length), new RegExp(letter), line);
  }
});
