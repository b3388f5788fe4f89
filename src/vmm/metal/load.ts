// What lies in the memory of a guest on bare metal when it starts: its kernel, its initial RAM disk and its device tree, as the image
// builder puts them there. The tree shows what the VMM of metal answers for: one hart, memory, two UARTs, a PLIC.
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { ISA } from '../../riscv/index.ts';
import { flatten, isaString } from '../board/device-tree.ts';
import type { Isa, Node } from '../board/device-tree.ts';
import { isImageError, loadKernel, placeAtTop } from '../board/images.ts';
import type { Decompress, ImageError } from '../board/images.ts';
import { VIRT } from '../board/virt.ts';

const PAGE = 4096;
const HART_PHANDLE = 1;
const PLIC_PHANDLE = 2;
/** Interrupts of a hart's own controller: external ones, to M-mode and to S-mode. */
const EXTERNAL_M = 11;
const EXTERNAL_S = 9;
const PLIC_SOURCES = 95;

export interface GuestFiles {
  readonly kernel: Uint8Array;
  readonly initrd?: Uint8Array;
  readonly cmdline: string;
}
export interface Loaded {
  readonly blobs: readonly { readonly address: number; readonly bytes: Uint8Array }[];
  readonly entry: number;
  readonly tree: number;
}

const decompress: Decompress = (format, bytes, limit) => {
  try {
    const unpack = format === 'gzip' ? gunzipSync : zstdDecompressSync;
    return unpack(bytes, { maxOutputLength: limit });
  } catch {
    return undefined;
  }
};

/** What a metal guest's hart has: neither Sstc nor anything else that the kernel does not switch. */
const METAL_ISA: Isa = {
  base: 'rv64i',
  extensions: ISA.filter((name) => ['i', 'm', 'a', 'f', 'd', 'c', 'zicsr', 'zifencei', 'zicntr'].includes(name)),
  mmuType: 'riscv,sv39',
};

const cells = (value: number): [number, number] => [Math.floor(value / 0x1_0000_0000), value >>> 0];

function treeOf(
  base: number,
  bytes: number,
  cmdline: string,
  initrd: { start: number; end: number } | undefined,
): Node {
  const serial = `serial@${VIRT.uart0.base.toString(16)}`;
  const uart = ({ base: at, source }: { base: number; source: number }): Node => ({
    properties: {
      compatible: 'ns16550a',
      reg: [...cells(at), ...cells(0x100)],
      'clock-frequency': [3_686_400],
      'interrupt-parent': [PLIC_PHANDLE],
      interrupts: [source],
    },
  });
  return {
    properties: {
      '#address-cells': [2],
      '#size-cells': [2],
      compatible: 'virtsec,partition',
      model: 'virtsec,partition',
    },
    children: {
      chosen: {
        properties: {
          bootargs: cmdline,
          'stdout-path': `/${serial}`,
          ...(initrd && { 'linux,initrd-start': cells(initrd.start), 'linux,initrd-end': cells(initrd.end) }),
        },
      },
      [`memory@${base.toString(16)}`]: {
        properties: { device_type: 'memory', reg: [...cells(base), ...cells(bytes)] },
      },
      cpus: {
        properties: { '#address-cells': [1], '#size-cells': [0], 'timebase-frequency': [VIRT.timebase] },
        children: {
          'cpu@0': {
            properties: {
              device_type: 'cpu',
              reg: [0],
              status: 'okay',
              compatible: 'riscv',
              'riscv,isa': isaString(METAL_ISA),
              'riscv,isa-base': METAL_ISA.base,
              'riscv,isa-extensions': METAL_ISA.extensions,
              'mmu-type': METAL_ISA.mmuType,
            },
            children: {
              'interrupt-controller': {
                properties: {
                  '#interrupt-cells': [1],
                  'interrupt-controller': true,
                  compatible: 'riscv,cpu-intc',
                  phandle: [HART_PHANDLE],
                },
              },
            },
          },
        },
      },
      [`plic@${VIRT.plic.base.toString(16)}`]: {
        properties: {
          compatible: ['sifive,plic-1.0.0', 'riscv,plic0'],
          reg: [...cells(VIRT.plic.base), ...cells(VIRT.plic.bytes)],
          '#interrupt-cells': [1],
          '#address-cells': [0],
          'interrupt-controller': true,
          'interrupts-extended': [HART_PHANDLE, EXTERNAL_M, HART_PHANDLE, EXTERNAL_S],
          'riscv,ndev': [PLIC_SOURCES],
          phandle: [PLIC_PHANDLE],
        },
      },
      [serial]: uart(VIRT.uart0),
      [`serial@${VIRT.uart1.base.toString(16)}`]: uart(VIRT.uart1),
    },
  };
}

/** For a guest whose memory is so many bytes from `base` on. */
export function loadGuest(files: GuestFiles, base: number, bytes: number): Loaded | ImageError {
  const ram = { bytes: new Uint8Array(bytes), base };
  const kernel = loadKernel(ram, files.kernel, decompress);
  if (isImageError(kernel)) return kernel;
  const initrdBytes = files.initrd?.length ?? 0;
  const empty = { start: base, end: base + initrdBytes };
  const length = flatten(treeOf(base, bytes, files.cmdline, initrdBytes > 0 ? empty : undefined)).length;
  const place = placeAtTop(ram, kernel.end, length, initrdBytes);
  if (isImageError(place)) return place;
  // What the kernel's file holds; behind it memory is clear.
  let end = Math.min(ram.bytes.length, kernel.end - base);
  while (end > 0 && ram.bytes[end - 1] === 0) end -= 1;
  const first = Math.floor((kernel.entry - base) / PAGE) * PAGE;
  const blobs = [
    { address: base + first, bytes: ram.bytes.slice(first, end) },
    { address: place.tree, bytes: flatten(treeOf(base, bytes, files.cmdline, place.initrd)) },
  ];
  if (place.initrd && files.initrd) blobs.push({ address: place.initrd.start, bytes: files.initrd });
  return { blobs, entry: kernel.entry, tree: place.tree };
}
