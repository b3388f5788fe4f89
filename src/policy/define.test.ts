// What the compiler holds of a description in TypeScript. Lines under @ts-expect-error fail `tsc` once they are accepted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineSystem, readDescription } from './index.ts';

const host = { fileExists: () => true, images: ['debian'], firmware: [] };

test('defineSystem takes the whole format, and gives what YAML gives', () => {
  const system = defineSystem({
    virtsec: 1,
    system: 'typed',
    labels: ['public', 'secret'],
    partitions: {
      linux: { guest: 'debian', memory: '256M', harts: 2, label: 'public' },
      pay: {
        app: './pay.ts',
        label: { reads: 'secret', writes: 'public' },
        needs: '5ms every 20ms',
        may: { switch: true, audit: 'linux' },
        faults: { exit: 'cold-restart', restarts: '3 per 1m', process: { trap: 'handler' } },
      },
      tty: { driver: 'console', grants: { terminal: 'stdio' } },
    },
    channels: {
      ask: { call: 'linux -> pay', within: '50ms', as: 'hvc0' },
      con: { stream: 'linux <-> tty', as: 'uart0' },
    },
    schedules: {
      day: { frame: '20ms', cores: { 0: [{ pay: '0-5ms' }], 1: [{ linux: '0-20ms' }] } },
      night: { frame: '20ms', cores: { 0: [{ pay: '0-5ms' }], 1: [{ linux: '0-10ms' }] } },
    },
    faults: { 'late-tick': 'log' },
    assert: [{ only: 'tty -> pay', through: 'linux' }],
  });
  const reading = readDescription('typed', JSON.stringify(system), host);
  assert.deepEqual(reading.messages, []);
  assert.deepEqual(
    reading.description?.partitions.map(({ name, may }) => [name, may.switch]),
    [
      ['linux', []],
      ['pay', ['day', 'night']],
      ['tty', []],
    ],
  );
});

test('names that are not partitions do not compile', () => {
  const wrong = defineSystem({
    virtsec: 1,
    system: 'wrong',
    partitions: { linux: { guest: 'debian' }, pay: { app: './pay.ts' } },
    channels: {
      // @ts-expect-error: `pya` is not a partition
      ask: { call: 'linux -> pya', within: '50ms' },
      // @ts-expect-error: a stream flows both ways
      con: { stream: 'linux -> pay' },
    },
    // @ts-expect-error: `vault` is not a partition
    assert: [{ only: 'linux -> pay', through: 'vault' }],
  });
  assert.equal(wrong.system, 'wrong');
});
