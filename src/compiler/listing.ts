// The listing: addresses, words, assembly, and above them the source line that they come from.
import { positionOf } from '../proof/language.ts';
import { decode, disassemble } from './instructions.ts';
import type { Linked } from './assemble.ts';
import type { SourceFile } from '../proof/language.ts';

export function listing(linked: Linked, files: readonly SourceFile[]): string {
  const names = new Map<number, string[]>();
  for (const [name, address] of linked.symbols) {
    if (!name.includes('.')) names.set(address, [...(names.get(address) ?? []), name]);
  }
  const lines: string[] = [];
  const view = new DataView(linked.bytes.buffer, linked.bytes.byteOffset);
  let next = 0;
  let shown = '';
  for (let pc = linked.base; pc < linked.codeEnd; pc += 4) {
    for (const name of names.get(pc) ?? []) lines.push('', `${name}:`);
    while (next < linked.lines.length && linked.lines[next].address <= pc) {
      const { at } = linked.lines[next];
      next += 1;
      if (at === undefined || at.file < 0) continue;
      const file = files[at.file];
      const { line } = positionOf(file.text, at.offset);
      const where = `${file.name}:${line}`;
      if (where !== shown) lines.push(`; ${where}  ${file.text.split('\n')[line - 1].trim()}`);
      shown = where;
    }
    const word = view.getUint32(pc - linked.base, true);
    const instruction = decode(word);
    const text = instruction === undefined ? '?' : disassemble(instruction, pc);
    lines.push(`  ${pc.toString(16)}  ${word.toString(16).padStart(8, '0')}  ${text}`);
  }
  return `${lines.join('\n')}\n`;
}
