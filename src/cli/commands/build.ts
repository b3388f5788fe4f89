import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { SOURCES, type BarePartition, buildBareSystem } from '../../compiler/bare-system.ts';
import type { MetalGuest, SystemImage } from '../../compiler/system-image.ts';
import { whyNotProved } from '../../kernel/proved-core.ts';
import { OutsideLanguage, type SourceFile } from '../../proof/language.ts';
import {
  bootAsWritten,
  compileSystem,
  type CompiledSystem,
  type Description,
  type Partition,
} from '../../policy/index.ts';
import { type Command, usageFailure } from '../command.ts';
import { findDescription, readDescriptionFile } from '../description-file.ts';
import { EXIT, Failure } from '../failure.ts';
import { guestImage } from '../images.ts';
import type { Io } from '../io.ts';
import { checkedDescription } from '../plan-source.ts';
import { type GuestFiles, loadGuest } from '../../vmm/metal/load.ts';

type Tables = CompiledSystem['tables'];

const BOARDS = ['qemu-virt'];
/** The UART of the board, which the console driver has. */
const UART = { start: 0x1000_0000, end: 0x1000_1000 };
const UART_INTERRUPT = 10;

const sourceAt = (path: string): string => `${SOURCES}${path}`;

/** Kernel, initial RAM disk and command line of a guest, of an image by name or of files. */
async function filesOf({ what, files }: Partition, folder: string, io: Io): Promise<GuestFiles> {
  if (what !== undefined) {
    const { kernel, initrd, cmdline } = await guestImage(what, io);
    return { kernel: readFileSync(kernel), initrd: readFileSync(initrd), cmdline };
  }
  const { kernel = '', initrd, cmdline = '' } = files ?? {};
  return {
    kernel: readFileSync(resolve(folder, kernel)),
    ...(initrd === undefined ? {} : { initrd: readFileSync(resolve(folder, initrd)) }),
    cmdline,
  };
}
function guestOf(name: string, memory: number, files: GuestFiles): MetalGuest {
  return {
    bytes: memory,
    load(base) {
      const loaded = loadGuest(files, base, memory);
      if ('code' in loaded) throw new Error(`${name}: ${loaded.message} ${loaded.help}`);
      return loaded;
    },
  };
}

/** The board has one hart: who has windows on further cores alone runs in the time that core 0 leaves, unless it needs more. */
function onOneHart(description: Description, io: Io): Description {
  const modes = description.modes.map((mode) => ({
    ...mode,
    cores: new Map([...mode.cores].filter(([core]) => core === 0)),
  }));
  const hasWindow = (name: string, all: Description['modes']): boolean =>
    all.some(({ cores }) => [...cores.values()].flat().some(({ partition }) => partition === name));
  for (const { name, needs } of description.partitions) {
    if (!hasWindow(name, description.modes) || hasWindow(name, modes)) continue;
    if (needs !== undefined) {
      throw new Failure(EXIT.usage, `virtsec build: \`${name}\` needs windows on core 0: this board has one hart`);
    }
    io.note(`virtsec: this board has one hart: \`${name}\` runs in the time that the windows of core 0 leave.\n`);
  }
  return { ...description, modes };
}

/** What `port('NAME')` stands for in p's program (docs/sdk.md). */
function namesFor({ channels, modes, partitions }: Description, tables: Tables, p: number): Map<string, number> {
  const { form, may } = partitions[p];
  const ends = tables.ports[p];
  const streams = new Set(tables.streams.filter(({ from, to }) => from === p || to === p).map(({ name }) => name));
  /** Of a guest: the stream that is a device of it; -1: none. */
  const device = (as: string): number =>
    [...streams].findIndex((name) => channels.some((one) => one.name === name && one.as === as));
  return new Map([
    ...(form === 'guest' ? ['uart0', 'uart1'].map((as) => [as, device(as)] as const) : []),
    ...[...streams].map((name, i) => [name, i] as const),
    ...ends.map(({ name, handle, bits }) => [name, handle < 0 ? (bits ?? 0) : handle] as const),
    ...(may.switch.length > 0 ? modes.map(({ name }, i) => [`mode:${name}`, i] as const) : []),
    ...may.audit.map((one) => [`partition:${one}`, partitions.findIndex(({ name }) => name === one)] as const),
    ['*', ends.filter(({ handle }) => handle >= 0).length],
  ]);
}
const isOperator = ({ what }: Partition): boolean => what === 'virtsec/operator';

/**
 * The image of a system, of which bare metal carries out all (VS109). Throws a Failure that says which partition is in the way, or that the core, which is compiled from its
 * source, is not the proved one (`anyCore`: it need not be). `kernel`: another one than the compiler's own, for tests.
 */
export async function bareImage(
  asWritten: Description,
  folder: string,
  io: Io,
  anyCore: boolean,
  kernel?: readonly SourceFile[],
): Promise<SystemImage> {
  const notProved = whyNotProved(sourceAt('kernel/core/core.ts'));
  if (notProved !== undefined && !anyCore) throw new Failure(EXIT.usage, `virtsec build: ${notProved}`);
  const description = onOneHart(asWritten, io);
  const compiled = compileSystem(description, bootAsWritten(description), { rows: 0, columns: 0 });
  const partitions: BarePartition[] = [];
  for (const [p, partition] of description.partitions.entries()) {
    const { name, form, what, memory, devices, at } = partition;
    const no = (why: string): never => {
      throw new Failure(EXIT.usage, `virtsec build: partition \`${name}\`: ${why}`);
    };
    const registers = devices.map((device) => device.registers);
    const common = {
      name,
      ...(at['memory'] === undefined ? {} : { memory }),
      ports: namesFor(description, compiled.tables, p),
      registers,
    };
    if (form === 'guest') {
      if (partition.files?.firmware !== undefined) no('no guest brings firmware of its own on bare metal');
      if (partition.harts !== 1) no('a guest on bare metal has one hart');
      const guest = guestOf(name, memory, await filesOf(partition, folder, io));
      partitions.push({ ...common, file: sourceAt('vmm/metal/vmm.ts'), guest });
    } else if (form === 'driver') {
      if (what !== 'console') no(`there is no \`${what}\` driver for bare metal yet`);
      partitions.push({
        ...common,
        file: sourceAt('drivers/console/bare.ts'),
        registers: [UART],
        interrupt: UART_INTERRUPT,
      });
    } else if (isOperator(partition)) {
      partitions.push({ ...common, file: sourceAt('drivers/operator/bare.ts') });
    } else if (what === undefined || what.endsWith('.wasm') || what.startsWith('virtsec/')) {
      no(`\`${what}\` is neither a TypeScript program nor an ELF file: nothing else runs on bare metal`);
    } else partitions.push({ ...common, file: resolve(folder, what) });
  }
  try {
    return buildBareSystem(compiled.words, partitions, compiled.tables.streams, kernel);
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
    'unproved-core': { summary: 'build even if the kernel core here is not the one that was proved (virtsec version)' },
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
    const description = checkedDescription(await readDescriptionFile(file), true);
    const image = await bareImage(description, dirname(file), io, call.has('unproved-core'));
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
