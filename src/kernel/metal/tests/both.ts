// Prints what comes from all its streams as it comes: who says what can be told by the bytes.
import { rest, streamGet, streamNotify, streamWaiting } from '../../../sdk/bare.ts';
import { load8, port, store8, word } from '../../../compiler/intrinsics.ts';

export class Both {
  bytes = 0;
}
const UART = 0x1000_0000;
const LINE_STATUS = UART + 5;
const TRANSMITTER_EMPTY = 32;
const PATIENCE = 1000;
const ROUNDS = 0x7fff_ffff;
const LONG = 1 << 29;
function print(byte: number): void {
  for (let i = 0; i < PATIENCE; i++) {
    if ((load8(word(LINE_STATUS)) & TRANSMITTER_EMPTY) !== 0) {
      store8(word(UART), byte);
      return;
    }
  }
}
export function main(s: Both, _restarts: number, _startKind: number): number {
  for (let round = 0; round < ROUNDS; round++) {
    for (let stream = 0; stream < port('streams'); stream++) {
      const bytes = streamWaiting(stream);
      for (let i = 0; i < bytes; i++) print(streamGet(stream));
      if (bytes > 0) streamNotify(stream);
      s.bytes = (s.bytes + bytes) & 0xffff;
    }
    rest(LONG);
  }
  return 0;
}
