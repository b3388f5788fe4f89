// The console driver on bare metal: the one program whose regions cover the UART (ns16550a). It prints the messages of the
// queues that lead to it, byte by byte, each queue in its order.
import { FOREVER, OK, gotByte, receive, resultWord, wait } from 'virtsec/sdk/bare';
import { load8, port, store8, word } from 'virtsec/sdk/intrinsics';

const UART = 0x1000_0000;
const LINE_STATUS = UART + 5;
/** LSR.THRE. */
const TRANSMITTER_EMPTY = 32;
/** Looks at the line status before a byte is given up: the line is dead. */
const PATIENCE = 100000;
/** Messages of one queue before the next one has its turn. */
const TURN = 16;

export class Console {
  dropped = 0;
}
function transmit(s: Console, byte: number): void {
  for (let i = 0; i < PATIENCE; i++) {
    if ((load8(word(LINE_STATUS)) & TRANSMITTER_EMPTY) !== 0) {
      store8(word(UART), byte);
      return;
    }
  }
  s.dropped += 1;
}
function drain(s: Console, handle: number): void {
  for (let i = 0; i < TURN; i++) {
    if (receive(handle, 0) !== OK) return;
    const bytes = resultWord(0);
    for (let b = 0; b < bytes; b++) transmit(s, gotByte(b));
  }
}
const ROUNDS = 0x7fff_ffff;
export function main(s: Console, _restarts: number, _startKind: number): number {
  for (let round = 0; round < ROUNDS; round++) {
    for (let handle = 0; handle < port('*'); handle++) drain(s, handle);
    wait(FOREVER);
  }
  return 0;
}
