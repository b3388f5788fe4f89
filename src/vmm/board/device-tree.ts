// The device tree: a writer of the flattened form (Devicetree Specification 0.4, chapter 5) and the tree of the board.

import { VIRT } from './virt.ts';
import { PLIC_SOURCES } from '../devices/plic.ts';

/** Value of a property: a string, strings, cells of 32 bits, raw bytes, or true for an empty one. */
export type Property = string | readonly string[] | readonly number[] | Uint8Array | true;

export interface Node {
  readonly properties: Readonly<Record<string, Property>>;
  readonly children?: Readonly<Record<string, Node>>;
}

const MAGIC = 0xd00d_feed;
const VERSION = 17;
const LAST_COMPATIBLE = 16;
const HEADER_BYTES = 40;
/** One empty entry of the memory reservation block. */
const RESERVATION_BYTES = 16;
const BEGIN_NODE = 1;
const END_NODE = 2;
const PROPERTY = 3;
const END = 9;

const encoder = new TextEncoder();

function propertyBytes(value: Property): Uint8Array {
  if (value === true) return new Uint8Array(0);
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string') return encoder.encode(`${value}\0`);
  if (value.length > 0 && typeof value[0] === 'string') return encoder.encode(`${value.join('\0')}\0`);
  const bytes = new DataView(new ArrayBuffer(value.length * 4));
  for (const [i, cell] of value.entries()) bytes.setUint32(i * 4, Number(cell));
  return new Uint8Array(bytes.buffer);
}

/** The flattened form of a tree: big-endian, version 17. */
export function flatten(root: Node): Uint8Array {
  const structure: number[] = [];
  const strings: number[] = [];
  const nameOffsets = new Map<string, number>();
  const cell = (value: number): void => {
    structure.push((value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
  };
  const padded = (bytes: Uint8Array): void => {
    for (const byte of bytes) structure.push(byte);
    while (structure.length % 4 !== 0) structure.push(0);
  };
  const nameOffset = (name: string): number => {
    const known = nameOffsets.get(name);
    if (known !== undefined) return known;
    const offset = strings.length;
    strings.push(...encoder.encode(`${name}\0`));
    nameOffsets.set(name, offset);
    return offset;
  };
  const emit = (name: string, node: Node): void => {
    cell(BEGIN_NODE);
    padded(encoder.encode(`${name}\0`));
    for (const [key, value] of Object.entries(node.properties)) {
      const bytes = propertyBytes(value);
      cell(PROPERTY);
      cell(bytes.length);
      cell(nameOffset(key));
      padded(bytes);
    }
    for (const [key, child] of Object.entries(node.children ?? {})) emit(key, child);
    cell(END_NODE);
  };
  emit('', root);
  cell(END);

  const structureAt = HEADER_BYTES + RESERVATION_BYTES;
  const stringsAt = structureAt + structure.length;
  const total = stringsAt + strings.length;
  const blob = new Uint8Array(total);
  const view = new DataView(blob.buffer);
  const bootCpu = 0;
  const header = [
    MAGIC,
    total,
    structureAt,
    stringsAt,
    HEADER_BYTES,
    VERSION,
    LAST_COMPATIBLE,
    bootCpu,
    strings.length,
    structure.length,
  ];
  for (const [i, value] of header.entries()) view.setUint32(i * 4, value);
  blob.set(structure, structureAt);
  blob.set(strings, stringsAt);
  return blob;
}

/** What the engine's harts can do (the engine's own list; one truth). */
export interface Isa {
  /** `rv64i` */
  readonly base: string;
  /** In canonical order, by the names of the `riscv,isa-extensions` binding: i, m, a, f, d, c, zicsr, ... */
  readonly extensions: readonly string[];
  /** The largest translation scheme: `riscv,sv39`, `riscv,sv48`. */
  readonly mmuType: string;
  /** More properties of each cpu node, such as `riscv,cboz-block-size`. */
  readonly properties?: Readonly<Record<string, Property>>;
}

export interface TreeParameters {
  readonly harts: number;
  readonly ramBytes: number;
  readonly isa: Isa;
  readonly bootargs: string;
  /** Physical addresses: first byte and first byte behind. */
  readonly initrd?: { readonly start: number; readonly end: number };
  readonly rngSeed: Uint8Array;
  /** 64 bits: two cells. Left out: the kernel's addresses are not randomised. */
  readonly kaslrSeed?: readonly [number, number];
  /** Memory that belongs to firmware the guest did not bring itself. */
  readonly reserved?: readonly { readonly name: string; readonly start: number; readonly bytes: number }[];
}

/** `riscv,isa`: single letters run together, longer names behind underscores (RISC-V ISA manual, naming conventions). */
export function isaString(isa: Isa): string {
  const single = isa.extensions.filter((name) => name.length === 1 && name !== 'i').join('');
  const longer = isa.extensions.filter((name) => name.length > 1).map((name) => `_${name}`);
  return `${isa.base}${single}${longer.join('')}`;
}

/** Two cells of a 64-bit value. */
function cells(value: number): [number, number] {
  return [Math.floor(value / 0x1_0000_0000), value >>> 0];
}

function region(start: number, bytes: number): number[] {
  return [...cells(start), ...cells(bytes)];
}

const PLIC_PHANDLE = 0x100;
const FINISHER_PHANDLE = 0x101;
/** Phandle of hart h's local interrupt controller: 1 + h. */
const INTC_PHANDLE = 1;
/** Phandle of hart h: 0x80 + h. */
const CPU_PHANDLE = 0x80;

const SOFTWARE_M = 3;
const TIMER_M = 7;
const EXTERNAL_S = 9;
const EXTERNAL_M = 11;

function perHart(harts: number, interrupts: readonly number[]): number[] {
  const list: number[] = [];
  for (let hart = 0; hart < harts; hart++)
    for (const interrupt of interrupts) list.push(INTC_PHANDLE + hart, interrupt);
  return list;
}

function cpu(hart: number, isa: Isa): Node {
  return {
    properties: {
      phandle: [CPU_PHANDLE + hart],
      device_type: 'cpu',
      reg: [hart],
      status: 'okay',
      compatible: 'riscv',
      'riscv,isa': isaString(isa),
      // Kernels without the fallback option read these two alone.
      'riscv,isa-base': isa.base,
      'riscv,isa-extensions': isa.extensions,
      'mmu-type': isa.mmuType,
      ...isa.properties,
    },
    children: {
      'interrupt-controller': {
        properties: {
          '#interrupt-cells': [1],
          'interrupt-controller': true,
          compatible: 'riscv,cpu-intc',
          phandle: [INTC_PHANDLE + hart],
        },
      },
    },
  };
}

function serial(place: { readonly base: number; readonly source: number }): Node {
  return {
    properties: {
      compatible: 'ns16550a',
      reg: region(place.base, 0x100),
      interrupts: [place.source],
      'interrupt-parent': [PLIC_PHANDLE],
      'clock-frequency': [3_686_400],
    },
  };
}

/** The tree of the board. Node names, order and properties follow QEMU's `virt`; `serial1` is ours. */
export function boardTree(p: TreeParameters): Node {
  const cpus: Record<string, Node> = {};
  const cores: Record<string, Node> = {};
  for (let hart = 0; hart < p.harts; hart++) {
    cpus[`cpu@${hart}`] = cpu(hart, p.isa);
    cores[`core${hart}`] = { properties: { cpu: [CPU_PHANDLE + hart] } };
  }
  cpus['cpu-map'] = { properties: {}, children: { cluster0: { properties: {}, children: cores } } };
  const serial0 = `serial@${VIRT.uart0.base.toString(16)}`;
  const serial1 = `serial@${VIRT.uart1.base.toString(16)}`;
  const chosen: Record<string, Property> = {
    bootargs: p.bootargs,
    'stdout-path': `/soc/${serial0}`,
    'rng-seed': p.rngSeed,
  };
  if (p.initrd) {
    chosen['linux,initrd-start'] = cells(p.initrd.start);
    chosen['linux,initrd-end'] = cells(p.initrd.end);
  }
  if (p.kaslrSeed) chosen['kaslr-seed'] = p.kaslrSeed;
  const reserved: Record<string, Node> = {};
  for (const r of p.reserved ?? []) {
    reserved[`${r.name}@${r.start.toString(16)}`] = { properties: { reg: region(r.start, r.bytes), 'no-map': true } };
  }
  const syscon = (value: number, compatible: string): Node => ({
    properties: { compatible, regmap: [FINISHER_PHANDLE], offset: [0], value: [value] },
  });
  return {
    properties: {
      '#address-cells': [2],
      '#size-cells': [2],
      compatible: 'riscv-virtio',
      model: 'riscv-virtio,virtsec',
    },
    children: {
      chosen: { properties: chosen },
      aliases: { properties: { serial0: `/soc/${serial0}`, serial1: `/soc/${serial1}` } },
      ...(p.reserved?.length
        ? {
            'reserved-memory': {
              properties: { '#address-cells': [2], '#size-cells': [2], ranges: true as const },
              children: reserved,
            },
          }
        : {}),
      poweroff: syscon(0x5555, 'syscon-poweroff'),
      reboot: syscon(0x7777, 'syscon-reboot'),
      [`memory@${VIRT.ram.toString(16)}`]: { properties: { device_type: 'memory', reg: region(VIRT.ram, p.ramBytes) } },
      cpus: {
        properties: { '#address-cells': [1], '#size-cells': [0], 'timebase-frequency': [VIRT.timebase] },
        children: cpus,
      },
      soc: {
        properties: { '#address-cells': [2], '#size-cells': [2], compatible: 'simple-bus', ranges: true },
        children: {
          [`rtc@${VIRT.rtc.base.toString(16)}`]: {
            properties: {
              compatible: 'google,goldfish-rtc',
              reg: region(VIRT.rtc.base, VIRT.rtc.bytes),
              interrupts: [VIRT.rtc.source],
              'interrupt-parent': [PLIC_PHANDLE],
            },
          },
          [serial0]: serial(VIRT.uart0),
          [serial1]: serial(VIRT.uart1),
          [`test@${VIRT.finisher.base.toString(16)}`]: {
            properties: {
              compatible: ['sifive,test1', 'sifive,test0', 'syscon'],
              reg: region(VIRT.finisher.base, VIRT.finisher.bytes),
              phandle: [FINISHER_PHANDLE],
            },
          },
          [`plic@${VIRT.plic.base.toString(16)}`]: {
            properties: {
              compatible: ['sifive,plic-1.0.0', 'riscv,plic0'],
              reg: region(VIRT.plic.base, VIRT.plic.bytes),
              '#interrupt-cells': [1],
              '#address-cells': [0],
              'interrupt-controller': true,
              'interrupts-extended': perHart(p.harts, [EXTERNAL_M, EXTERNAL_S]),
              'riscv,ndev': [PLIC_SOURCES],
              phandle: [PLIC_PHANDLE],
            },
          },
          [`clint@${VIRT.aclint.base.toString(16)}`]: {
            properties: {
              compatible: ['sifive,clint0', 'riscv,clint0'],
              reg: region(VIRT.aclint.base, VIRT.aclint.bytes),
              'interrupts-extended': perHart(p.harts, [SOFTWARE_M, TIMER_M]),
            },
          },
        },
      },
    },
  };
}
