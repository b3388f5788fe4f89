import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyReader } from './keys.ts';

/** What the guest gets and what the menu is asked, in order. */
function typed(...pieces: string[]): unknown[] {
  const reader = new KeyReader();
  return pieces.flatMap((piece) =>
    reader
      .read(Buffer.from(piece, 'latin1'))
      .flatMap(({ bytes, request }) => [
        ...(bytes.length > 0 ? [Buffer.from(bytes).toString('latin1')] : []),
        ...(request === undefined ? [] : [request]),
      ]),
  );
}

test('everything but the menu key goes to the guest as it is', () => {
  const all = Buffer.from(Uint8Array.from({ length: 256 }, (_, i) => i).filter((byte) => byte !== 0x1d)).toString(
    'latin1',
  );
  assert.deepEqual(typed(all), [all]);
});

test('the key after Ctrl-] is for the menu, also when it comes later', () => {
  assert.deepEqual(typed('ab\x1dqcd'), ['ab', 'open-menu', 'quit', 'cd']);
  assert.deepEqual(typed('ab\x1d', 's', 'cd'), ['ab', 'open-menu', 'size', 'cd']);
  assert.deepEqual(typed('\x1d2x'), ['open-menu', { console: 1 }, 'x']);
});

test('Ctrl-] twice, or Ctrl-] c, sends one Ctrl-]', () => {
  assert.deepEqual(typed('\x1d\x1d'), ['open-menu', '\x1d', 'close-menu']);
  assert.deepEqual(typed('\x1dc'), ['open-menu', '\x1d', 'close-menu']);
});

test('help keeps the menu open; an unknown key closes it and reaches nobody', () => {
  assert.deepEqual(typed('\x1d?q'), ['open-menu', 'help', 'quit']);
  assert.deepEqual(typed('\x1dzq'), ['open-menu', 'close-menu', 'q']);
});
