import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePlan, formatSize, nearest, parseSize, parseTime, readDescription } from './index.ts';

const host = { fileExists: () => true, images: ['debian'], firmware: ['opensbi'] };

const TEXT = `
virtsec: 1
system: hello
partitions:
  linux: { guest: debian }
  other:
    guest: { kernel: k/vmlinuz, initrd: k/initrd, cmdline: console=ttyS0, devicetree: no }
    memory: 1G
    harts: 4
    ready: 'login: $'
  tty: { driver: console, grants: { terminal: stdio } }
channels:
  con: { stream: linux <-> tty, as: uart0 }
  con2: { stream: tty <-> other, bytes: 8K, as: uart1 }
`;

test('short forms expand', () => {
  const { description } = readDescription('x', TEXT, host);
  assert.ok(description);
  const [linux, other, tty] = description.partitions;
  assert.deepEqual(
    [linux.form, linux.what, linux.memory, linux.harts, linux.ready],
    ['guest', 'debian', 2 ** 28, 1, undefined],
  );
  assert.deepEqual(other.files, {
    kernel: 'k/vmlinuz',
    initrd: 'k/initrd',
    cmdline: 'console=ttyS0',
    deviceTree: false,
  });
  assert.deepEqual([other.memory, other.harts, other.ready], [2 ** 30, 4, 'login: $']);
  assert.deepEqual([tty.form, tty.terminal], ['driver', true]);
  assert.deepEqual(
    description.channels.map(({ name, from, to, bytes, as }) => [name, from, ...to, bytes, as]),
    [
      ['con', 'linux', 'tty', 65536, 'uart0'],
      ['con2', 'tty', 'other', 8192, 'uart1'],
    ],
  );
});

test('the plan: indexes, two one-way streams for a channel, devices, and the console that is asked for first', () => {
  const { description } = readDescription('x', TEXT, host);
  assert.ok(description);
  const boot = new Map([
    ['linux', { kernel: '/image/vmlinuz', initrd: '/image/initrd', cmdline: 'quiet', deviceTree: true }],
    ['other', { kernel: '/k/vmlinuz', cmdline: 'console=ttyS0', deviceTree: false }],
  ]);
  const plan = compilePlan(description, boot, { console: 'other', rows: 24, columns: 80 });
  assert.deepEqual(plan.streams, [
    { name: 'con', from: 0, to: 2, bytes: 65536 },
    { name: 'con', from: 2, to: 0, bytes: 65536 },
    { name: 'con2', from: 2, to: 1, bytes: 8192 },
    { name: 'con2', from: 1, to: 2, bytes: 8192 },
  ]);
  assert.deepEqual(plan.partitions[1], {
    name: 'other',
    kind: 'guest',
    program: 'vmm',
    memory: 2 ** 30,
    harts: 4,
    config: { cmdline: 'console=ttyS0', deviceTree: false, devices: { uart1: 'con2' } },
    files: [{ name: 'kernel', path: '/k/vmlinuz' }],
    terminal: false,
    mayShutDown: false,
  });
  const tty = plan.partitions[2];
  assert.deepEqual([tty.kind, tty.program, tty.terminal, tty.mayShutDown], ['driver', 'drivers/console', true, true]);
  assert.deepEqual(tty.config, {
    consoles: [
      { stream: 'con', partition: 'linux' },
      { stream: 'con2', partition: 'other' },
    ],
    first: 'con2',
    rows: 24,
    columns: 80,
  });
});

test('JSON is read as well', () => {
  const text = JSON.stringify({
    virtsec: 1,
    system: 'json',
    partitions: { linux: { guest: 'debian' }, tty: { driver: 'console', grants: { terminal: 'stdio' } } },
    channels: { con: { stream: 'linux <-> tty', as: 'uart0' } },
  });
  assert.deepEqual(readDescription('x.json', text, host).messages, []);
});

test('several faults are all told, in the order of the text', () => {
  const { messages } = readDescription('x', TEXT.replace('harts', 'hart').replace('virtsec: 1', 'virtsec: 3'), host);
  assert.deepEqual(
    messages.map((message) => message.split('\n')[0]),
    [
      'x:2:10: error[VS105]: this is not a version of the format that this Virtsec reads',
      'x:9:5: error[VS103]: `hart` is not a field of partition `other`',
    ],
  );
});

test('sizes and times', () => {
  assert.deepEqual(['64K', '256M', '1G', '17', '1k', '1.5M', '-1', ''].map(parseSize), [
    65536,
    2 ** 28,
    2 ** 30,
    17,
    ...Array<undefined>(4),
  ]);
  assert.deepEqual(['50us', '5ms', '1s', '2m', '1.5s', '5', 's'].map(parseTime), [
    50e-6,
    5e-3,
    1,
    120,
    1.5,
    undefined,
    undefined,
  ]);
  assert.deepEqual([65536, 2 ** 28, 3 * 2 ** 30, 1000].map(formatSize), ['64K', '256M', '3G', '1000']);
});

test('the nearest name is meant, and a far one is not', () => {
  assert.equal(nearest('memroy', ['memory', 'harts']), 'memory');
  assert.equal(nearest('RUN', ['run', 'image']), 'run');
  assert.equal(nearest('wires', ['memory', 'harts']), undefined);
  assert.equal(nearest('ab', ['cb']), 'cb');
  assert.equal(nearest('a', ['b']), undefined);
});

test('what is wrong with the form of replicas is told once', () => {
  const text = `
virtsec: 1
system: boxes
partitions:
  box: { guest: debian, replicas: 3 }
  disk: { driver: block, replicas: 3, grants: { file: all.img } }
channels:
  root: { stream: box <-> disk, as: virtio-blk }
`;
  const { messages } = readDescription('x', text, host);
  assert.equal(messages.length, 1);
  assert.match(messages[0], /^x:6:55: error\[VS227\]: `all\.img` is also granted to `disk-1`/);
});
