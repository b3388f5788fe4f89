import { test } from 'node:test';
import assert from 'node:assert/strict';
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import {
  type Decompress,
  type ImageError,
  isImageError,
  type Loaded,
  loadFirmware,
  loadKernel,
  placeAtTop,
  type Ram,
} from './images.ts';

const BASE = 0x8000_0000;
const MIB = 0x10_0000;
const ram = (bytes = 8 * MIB): Ram => ({ bytes: new Uint8Array(bytes), base: BASE });

const decompress: Decompress = (format, bytes, limit) => {
  try {
    const unpack = format === 'gzip' ? gunzipSync : zstdDecompressSync;
    return unpack(bytes, { maxOutputLength: limit });
  } catch {
    return undefined;
  }
};

function loaded(result: Loaded | ImageError): Loaded {
  if (isImageError(result)) assert.fail(`${result.code}: ${result.message}`);
  return result;
}
function refused(result: object, code: string): void {
  assert.ok(isImageError(result), 'should have been refused');
  assert.equal(result.code, code);
  assert.ok(result.message.endsWith('.') && result.help.endsWith('.'));
}

function image(bytes = 4096, { textOffset = 0x20_0000n, size = 0x3000n, flags = 0n } = {}): Buffer {
  const b = Buffer.alloc(bytes, 0xaa);
  b.writeUInt32LE(0x5a4d, 0);
  b.writeBigUInt64LE(textOffset, 8);
  b.writeBigUInt64LE(size, 16);
  b.writeBigUInt64LE(flags, 24);
  b.write('RISCV\0\0\0', 0x30, 'latin1');
  b.write('RSC\x05', 0x38, 'latin1');
  return b;
}

function zboot(payload: Buffer, type: string): Buffer {
  const b = Buffer.alloc(128);
  b.write('MZ\0\0zimg', 'latin1');
  b.writeUInt32LE(128, 8);
  b.writeUInt32LE(payload.length, 12);
  b.write(type, 24, 'latin1');
  return Buffer.concat([b, payload]);
}

interface ElfSegment {
  at: bigint;
  virtual?: bigint;
  bytes: Buffer;
  memory?: bigint;
}
function elf(segments: ElfSegment[], entry: bigint, symbols: Record<string, bigint> = {}): Buffer {
  const header = Buffer.alloc(64 + 56 * segments.length);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(243, 18);
  header.writeBigUInt64LE(entry, 24);
  header.writeBigUInt64LE(64n, 32);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(segments.length, 56);
  header.writeUInt16LE(64, 58);
  const parts: Buffer[] = [header];
  let offset = header.length;
  segments.forEach((s, i) => {
    const p = 64 + 56 * i;
    header.writeUInt32LE(1, p);
    header.writeBigUInt64LE(BigInt(offset), p + 8);
    header.writeBigUInt64LE(s.virtual ?? s.at, p + 16);
    header.writeBigUInt64LE(s.at, p + 24);
    header.writeBigUInt64LE(BigInt(s.bytes.length), p + 32);
    header.writeBigUInt64LE(s.memory ?? BigInt(s.bytes.length), p + 40);
    parts.push(s.bytes);
    offset += s.bytes.length;
  });
  const names = Buffer.from(`\0${Object.keys(symbols).join('\0')}\0`);
  const table = Buffer.alloc(24 * Object.keys(symbols).length);
  Object.entries(symbols).forEach(([name, value], i) => {
    table.writeUInt32LE(names.indexOf(`\0${name}\0`) + 1, 24 * i);
    table.writeBigUInt64LE(value, 24 * i + 8);
  });
  const sections = Buffer.alloc(64 * 3);
  for (const [i, type, at, size] of [
    [1, 3, offset, names.length],
    [2, 2, offset + names.length, table.length],
  ]) {
    sections.writeUInt32LE(type, 64 * i + 4);
    sections.writeBigUInt64LE(BigInt(at), 64 * i + 24);
    sections.writeBigUInt64LE(BigInt(size), 64 * i + 32);
  }
  sections.writeUInt32LE(1, 64 * 2 + 40);
  header.writeBigUInt64LE(BigInt(offset + names.length + table.length), 40);
  header.writeUInt16LE(3, 60);
  return Buffer.concat([...parts, names, table, sections]);
}

test('a plain Image goes to base + text_offset, or where firmware expects it', () => {
  const r = ram();
  const kernel = image();
  assert.deepEqual(loaded(loadKernel(r, kernel, decompress)), {
    format: 'image',
    entry: BASE + 0x20_0000,
    end: BASE + 0x20_3000,
  });
  assert.deepEqual(Buffer.from(r.bytes.subarray(0x20_0000, 0x20_1000)), kernel);
  const full = image(4096, { size: BigInt(6 * MIB) });
  assert.equal(loaded(loadKernel(ram(), full, decompress)).end, BASE + 8 * MIB);
  assert.equal(
    loaded(loadKernel(r, image(4096, { textOffset: 0n }), decompress, BASE + 4 * MIB)).entry,
    BASE + 4 * MIB,
  );
});

test('gzip, zstd and EFI zboot are taken off', () => {
  const kernel = image();
  for (const file of [
    gzipSync(kernel),
    zstdCompressSync(kernel),
    zboot(gzipSync(kernel), 'gzip'),
    zboot(zstdCompressSync(kernel), 'zstd22'),
    gzipSync(zboot(gzipSync(kernel), 'gzip')),
  ]) {
    const r = ram();
    assert.equal(loaded(loadKernel(r, file, decompress)).entry, BASE + 0x20_0000);
    assert.deepEqual(Buffer.from(r.bytes.subarray(0x20_0000, 0x20_1000)), kernel);
  }
});

test('wrong kernels are refused with a sentence', () => {
  const r = ram();
  const kernel = (file: Uint8Array): object => loadKernel(r, file, decompress);
  refused(kernel(new Uint8Array(0)), 'image.empty');
  refused(kernel(Buffer.from('#!/bin/sh\n')), 'image.format');
  refused(kernel(gzipSync(image()).subarray(0, 40)), 'image.damaged');
  refused(kernel(gzipSync(Buffer.alloc(9 * MIB))), 'image.damaged');
  refused(kernel(zboot(image(), 'lzma')), 'image.compression');
  refused(kernel(zboot(gzipSync(image()), 'gzip').subarray(0, 200)), 'image.truncated');
  refused(kernel(Buffer.from('MZ\0\0zimg')), 'image.truncated');
  let nested: Buffer = image();
  for (let i = 0; i < 5; i++) nested = gzipSync(nested);
  refused(kernel(nested), 'image.nested');
  refused(kernel(image(4096, { size: BigInt(6 * MIB + 1) })), 'image.outside-ram');
  refused(kernel(image(4096, { size: 0xffff_ffff_ffff_ffffn })), 'image.outside-ram');
  refused(kernel(image(4096, { textOffset: 0xffff_ffff_ffff_f000n })), 'image.outside-ram');
  refused(kernel(image(4096, { flags: 1n })), 'image.endianness');
  assert.ok(
    r.bytes.every((byte) => byte === 0),
    'nothing was written',
  );
});

test('ELF: segments, zeroed memory, link addresses, HTIF symbols', () => {
  const r = ram();
  r.bytes.fill(0xff);
  const file = elf(
    [
      { at: 0x8000_0000n, bytes: Buffer.from('code') },
      { at: 0x8000_1000n, virtual: 0xffff_1000n, bytes: Buffer.from('data'), memory: 0x2000n },
    ],
    0x8000_0002n,
    { other: 1n, tohost: 0x8000_1000n, fromhost: 0xffff_1040n },
  );
  assert.deepEqual(loaded(loadKernel(r, file, decompress)), {
    format: 'elf',
    entry: 0x8000_0002,
    end: 0x8000_3000,
    tohost: 0x8000_1000,
    fromhost: 0x8000_1040,
  });
  assert.equal(Buffer.from(r.bytes.subarray(0, 5)).toString('latin1'), 'code\xff');
  assert.equal(Buffer.from(r.bytes.subarray(0x1000, 0x1005)).toString('latin1'), 'data\0');
  assert.deepEqual([r.bytes[0x2fff], r.bytes[0x3000]], [0, 0xff]);
  const linked = elf([{ at: 0x8000_0000n, virtual: 0xffff_ffc0_0000n, bytes: Buffer.from('code') }], 0xffff_ffc0_0002n);
  assert.equal(loaded(loadKernel(r, linked, decompress)).entry, 0x8000_0002);
});

test('headers that a linker puts below RAM are left out, anything else there is refused', () => {
  const r = ram();
  const file = Buffer.alloc(0x1000 + 4);
  const headers = elf([{ at: 0x7fff_f000n, bytes: Buffer.alloc(0), memory: 0x1004n }], 0x8000_0000n).subarray(
    0,
    64 + 56,
  );
  file.set(headers);
  file.writeBigUInt64LE(0n, 64 + 8);
  file.writeBigUInt64LE(0x1004n, 64 + 32);
  file.writeUInt16LE(0, 60);
  file.write('code', 0x1000);
  assert.equal(loaded(loadKernel(r, file, decompress)).entry, BASE);
  assert.equal(Buffer.from(r.bytes.subarray(0, 5)).toString('latin1'), 'code\0');
  file[0xfff] = 1;
  refused(loadKernel(r, file, decompress), 'image.outside-ram');
});

test('wrong ELF programs are refused; symbols outside RAM are not there', () => {
  const r = ram();
  const segment = { at: 0x8000_0000n, bytes: Buffer.from('code') };
  const kernel = (file: Uint8Array): Loaded | ImageError => loadKernel(r, file, decompress);
  const good = elf([segment], segment.at);
  const changed = (at: number, bytes: readonly number[]): Buffer => {
    const copy = Buffer.from(good);
    copy.set(bytes, at);
    return copy;
  };
  refused(kernel(changed(18, [62])), 'image.architecture');
  refused(kernel(changed(4, [1])), 'image.architecture');
  refused(kernel(changed(54, [8])), 'image.elf');
  refused(kernel(changed(56, [255, 255])), 'image.elf');
  refused(kernel(changed(64 + 8, [255, 255, 255, 255, 255, 255, 255, 255])), 'image.elf');
  refused(kernel(good.subarray(0, 20)), 'image.elf');
  refused(kernel(elf([], 0x8000_0000n)), 'image.elf');
  refused(kernel(elf([segment], 0x7fff_fffen)), 'image.elf');
  refused(kernel(elf([{ ...segment, memory: 2n }], segment.at)), 'image.elf');
  refused(kernel(elf([{ ...segment, at: 0x7fff_ffffn }], segment.at)), 'image.outside-ram');
  refused(kernel(elf([{ ...segment, memory: BigInt(8 * MIB + 1) }], segment.at)), 'image.outside-ram');
  refused(kernel(elf([{ ...segment, at: 0xffff_ffff_8000_0000n }], segment.at)), 'image.outside-ram');
  assert.equal(loaded(kernel(elf([segment], segment.at, { tohost: 0x8080_0000n - 4n }))).tohost, undefined);
});

test('damaged files of every kind never throw and never write outside RAM', () => {
  let seed = 3;
  const random = (n: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return (seed >> 8) % n;
  };
  const room = new Uint8Array(MIB + 8192).fill(0x5a);
  const small: Ram = { bytes: room.subarray(4096, 4096 + MIB), base: BASE };
  const files = [
    image(4096, { textOffset: 0n }),
    gzipSync(image(4096, { textOffset: 0n })),
    zboot(gzipSync(image()), 'gzip'),
    elf([{ at: 0x8000_0000n, bytes: Buffer.alloc(64) }], 0x8000_0000n, { tohost: 0x8000_0000n }),
  ];
  for (let i = 0; i < 4000; i++) {
    const file = Buffer.from(files[i & 3]);
    for (let k = random(4); k >= 0; k--) file[random(Math.min(file.length, 400))] = random(256);
    loadKernel(small, file.subarray(0, random(5) === 0 ? random(file.length) : file.length), decompress);
    loadFirmware(small, file);
  }
  assert.ok(
    room.subarray(0, 4096).every((byte) => byte === 0x5a) && room.subarray(4096 + MIB).every((byte) => byte === 0x5a),
  );
});

test('firmware: ELF where it says, anything else at the base', () => {
  const r = ram(MIB);
  assert.deepEqual(loaded(loadFirmware(r, Buffer.from('fw'))), { format: 'binary', entry: BASE, end: BASE + 2 });
  refused(loadFirmware(r, new Uint8Array(MIB + 1)), 'image.outside-ram');
  refused(loadFirmware(r, new Uint8Array(0)), 'image.empty');
});

test('tree at the top with room to grow, initrd below it, both above the kernel', () => {
  const r = ram(64 * MIB);
  assert.deepEqual(placeAtTop(r, BASE + 4 * MIB, 4000, 5 * MIB + 1), {
    tree: BASE + 62 * MIB,
    initrd: { start: BASE + 57 * MIB - 4096, end: BASE + 62 * MIB - 4095 },
  });
  assert.deepEqual(placeAtTop(r, BASE, 4000, 0), { tree: BASE + 62 * MIB });
  refused(placeAtTop(r, BASE + 60 * MIB, 4000, 5 * MIB), 'image.outside-ram');
  refused(placeAtTop(r, BASE + 63 * MIB, 4000, 0), 'image.outside-ram');
});
