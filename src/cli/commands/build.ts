import { writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BarePartition, buildBareSystem } from '../../compiler/bare-system.ts';
import type { SystemImage } from '../../compiler/system-image.ts';
import { openPlanFile } from '../../kernel/plan-file.ts';
import { OutsideLanguage } from '../../proof/language.ts';
import { bootAsWritten, compileSystem, type Description } from '../../policy/index.ts';
import { type Command, usageFailure } from '../command.ts';
import { findDescription, readDescriptionFile } from '../description-file.ts';
import { EXIT, Failure } from '../failure.ts';
import { checkedDescription } from '../plan-source.ts';

const BOARDS = ['qemu-virt'];
/** The UART of the board, which the console driver has. */
const UART = { start: 0x1000_0000, end: 0x1000_1000 };

/** The image of a system. Throws a Failure that says which partition is in the way. */
export function bareImage(description: Description, folder: string): SystemImage {
  const compiled = compileSystem(description, bootAsWritten(description), { rows: 0, columns: 0 });
  const partitions = description.partitions.map((partition, p): BarePartition => {
    const { name, form, devices } = partition;
    const no = (why: string): never => {
      throw new Failure(EXIT.usage, `virtsec build: partition \`${name}\`: ${why}`);
    };
    const registers = devices.map((device) => device.registers);
    const ends = compiled.tables.ports[p].filter(({ handle }) => handle >= 0);
    const ports = new Map(ends.map((end) => [end.name, end.handle]));
    ports.set('*', ends.length);
    if (form === 'guest') return no('guests do not run on bare metal yet');
    if (form === 'driver') {
      if (partition.what !== 'console') return no(`there is no \`${partition.what}\` driver for bare metal yet`);
      const file = fileURLToPath(new URL('../../drivers/console/bare.ts', import.meta.url));
      return { name, file, memory: partition.memory, ports, registers: [UART] };
    }
    if (partition.what === undefined || !/\.[jt]s$/.test(partition.what)) return no('is not a TypeScript program');
    return { name, file: resolve(folder, partition.what), memory: partition.memory, ports, registers };
  });
  try {
    return buildBareSystem(openPlanFile(compiled.file).words, partitions);
  } catch (error) {
    if (!(error instanceof OutsideLanguage) && !(error instanceof Error)) throw error;
    throw new Failure(
      EXIT.usage,
      `virtsec build: ${error.message}`,
      error instanceof OutsideLanguage ? 'docs/compiler.md says what the language has' : undefined,
    );
  }
}

export const command: Command = {
  name: 'build',
  usage: 'build [SYSTEM] -o FILE [options]',
  summary: 'Build a bootable image of a system for bare RISC-V: kernel, plan and programs.',
  options: {
    output: { short: 'o', value: 'FILE', completes: 'file', summary: 'the image: ELF, or flat if FILE ends in .bin' },
    board: { value: 'BOARD', summary: `for this board: ${BOARDS.join(', ')} (the default)` },
  },
  details: `
Applications are programs in the subset of TypeScript that docs/compiler.md describes; the kernel's core in the image is the
proved one, compiled. No C toolchain is needed.

Examples:
  virtsec build systems/blinker -o blinker.elf
  qemu-system-riscv64 -M virt -bios blinker.elf -nographic
  virtsec run systems/blinker --metal`,

  async run(call, io) {
    if (call.words.length > 1) throw usageFailure(command, `one system at a time, not ${call.words.length}`);
    const output = call.value('output');
    if (output === undefined) throw usageFailure(command, 'where to? -o FILE');
    const board = call.value('board') ?? BOARDS[0];
    if (!BOARDS.includes(board))
      throw usageFailure(command, `--board: \`${board}\` is not one of ${BOARDS.join(', ')}`);
    const file = findDescription('build', call.words[0]);
    const image = bareImage(checkedDescription(await readDescriptionFile(file)), dirname(file));
    const bytes = output.endsWith('.bin') ? image.flat : image.elf;
    try {
      writeFileSync(output, bytes);
    } catch (error) {
      throw new Failure(EXIT.usage, `virtsec build: ${(error as Error).message}`);
    }
    const { kernel, plan, programs } = image.sizes;
    const parts = [...programs].map(([name, size]) => `${name} ${size}`).join(', ');
    io.note(`${output}: ${image.flat.length} bytes (kernel ${kernel}, plan ${plan}, ${parts})\n`);
    return EXIT.ok;
  },
};
