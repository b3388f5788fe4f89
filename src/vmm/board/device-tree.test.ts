import { test } from 'node:test';
import assert from 'node:assert/strict';
import { boardTree, flatten, isaString, type Node } from './device-tree.ts';

interface Read {
  properties: Record<string, Buffer>;
  children: Record<string, Read>;
}

/** A reader written from the specification's chapter 5, not from the writer. */
function read(blob: Uint8Array): Read {
  const b = Buffer.from(blob);
  const [magic, total, structure, strings, reservations, version, compatible, , stringsSize, structureSize] =
    Array.from({ length: 10 }, (_, i) => b.readUInt32BE(4 * i));
  assert.deepEqual([magic, total, version, compatible], [0xd00dfeed, b.length, 17, 16]);
  assert.equal(reservations % 8, 0);
  assert.equal(structure % 4, 0);
  assert.ok(
    b.subarray(reservations, reservations + 16).every((byte) => byte === 0),
    'an empty reservation block ends it',
  );
  assert.ok(structure >= reservations + 16 && strings >= structure + structureSize && strings + stringsSize <= total);
  const root: Read = { properties: {}, children: {} };
  const stack = [root];
  let at = structure;
  const text = (from: number): string => b.toString('latin1', from, b.indexOf(0, from));
  for (;;) {
    const token = b.readUInt32BE(at);
    at += 4;
    if (token === 1) {
      const name = text(at);
      at += (name.length + 4) & ~3;
      const node: Read = { properties: {}, children: {} };
      stack.at(-1)!.children[name] = node;
      stack.push(node);
    } else if (token === 2) stack.pop();
    else if (token === 3) {
      const length = b.readUInt32BE(at);
      stack.at(-1)!.properties[text(strings + b.readUInt32BE(at + 4))] = b.subarray(at + 8, at + 8 + length);
      at += (8 + length + 3) & ~3;
    } else {
      assert.equal(token, 9);
      assert.equal(at, structure + structureSize);
      assert.equal(stack.length, 1);
      return root.children[''];
    }
  }
}

const hex = (node: Read, name: string): string => node.properties[name].toString('hex');

const isa = { base: 'rv64i', extensions: ['i', 'm', 'a', 'f', 'd', 'c', 'zicsr', 'sstc'], mmuType: 'riscv,sv48' };
const parameters = {
  harts: 2,
  ramBytes: 0x1000_0000,
  isa,
  bootargs: 'console=ttyS0 quiet',
  initrd: { start: 0x8800_0000, end: 0x8812_3456 },
  rngSeed: new Uint8Array(32).fill(7),
  kaslrSeed: [1, 2] as const,
};

test('every kind of property, padding and shared names survive flattening', () => {
  const tree: Node = {
    properties: { a: 'x', list: ['ab', 'c'], cells: [1, 0xffff_ffff], raw: Uint8Array.of(1, 2, 3), flag: true },
    children: { 'child@1': { properties: { a: 'longer', cells: [] } } },
  };
  const got = read(flatten(tree));
  assert.equal(got.properties['a'].toString(), 'x\0');
  assert.equal(got.properties['list'].toString(), 'ab\0c\0');
  assert.equal(got.properties['cells'].toString('hex'), '00000001ffffffff');
  assert.equal(got.properties['raw'].toString('hex'), '010203');
  assert.equal(got.properties['flag'].length, 0);
  assert.equal(got.children['child@1'].properties['a'].toString(), 'longer\0');
  assert.equal(got.children['child@1'].properties['cells'].length, 0);
});

test('the board: addresses, interrupts and references', () => {
  const root = read(flatten(boardTree(parameters)));
  const soc = root.children['soc'].children;
  assert.equal(hex(root.children['memory@80000000'], 'reg'), '00000000800000000000000010000000');
  assert.equal(hex(soc['serial@10000000'], 'interrupts'), '0000000a');
  assert.equal(hex(soc['serial@10009000'], 'interrupts'), '0000000c');
  assert.equal(hex(soc['rtc@101000'], 'interrupts'), '0000000b');
  assert.equal(soc['test@100000'].properties['compatible'].toString(), 'sifive,test1\0sifive,test0\0syscon\0');
  assert.equal(hex(root.children['poweroff'], 'regmap'), hex(soc['test@100000'], 'phandle'));
  assert.equal(hex(root.children['reboot'], 'value'), '00007777');
  const intc = [0, 1].map((h) =>
    hex(root.children['cpus'].children[`cpu@${h}`].children['interrupt-controller'], 'phandle'),
  );
  assert.equal(
    hex(soc['plic@c000000'], 'interrupts-extended'),
    intc.map((phandle) => `${phandle}0000000b${phandle}00000009`).join(''),
  );
  assert.equal(
    hex(soc['clint@2000000'], 'interrupts-extended'),
    intc.map((phandle) => `${phandle}00000003${phandle}00000007`).join(''),
  );
  assert.equal(hex(soc['plic@c000000'], 'phandle'), hex(soc['serial@10000000'], 'interrupt-parent'));
  const { chosen } = root.children;
  assert.equal(chosen.properties['bootargs'].toString(), 'console=ttyS0 quiet\0');
  assert.equal(hex(chosen, 'linux,initrd-end'), '0000000088123456');
  assert.equal(chosen.properties['rng-seed'].length, 32);
  assert.equal(root.children['aliases'].properties['serial1'].toString(), '/soc/serial@10009000\0');
});

test('the ISA in both forms', () => {
  assert.equal(isaString(isa), 'rv64imafdc_zicsr_sstc');
  const cpu = read(flatten(boardTree(parameters))).children['cpus'].children['cpu@1'];
  assert.equal(cpu.properties['riscv,isa-extensions'].toString(), 'i\0m\0a\0f\0d\0c\0zicsr\0sstc\0');
  assert.equal(cpu.properties['riscv,isa-base'].toString(), 'rv64i\0');
});

test('what was left out is not there, reserved memory is', () => {
  const { initrd: _, kaslrSeed: __, ...less } = parameters;
  const root = read(
    flatten(boardTree({ ...less, reserved: [{ name: 'firmware', start: 0x8000_0000, bytes: 0x4_0000 }] })),
  );
  assert.deepEqual(Object.keys(root.children['chosen'].properties), ['bootargs', 'stdout-path', 'rng-seed']);
  const node = root.children['reserved-memory'].children['firmware@80000000'];
  assert.equal(node.properties['reg'].toString('hex'), '00000000800000000000000000040000');
});
