// The console driver on bare metal: the one program whose regions cover the UART (ns16550a). It prints the messages of the
// queues that lead to it, byte by byte, each queue in its order, and is the terminal of the guests whose streams lead to it.
import {
  FOREVER,
  OK,
  gotByte,
  receive,
  resultWord,
  streamGet,
  streamNotify,
  streamPut,
  streamRoom,
  streamWaiting,
  wait,
} from 'virtsec/sdk/bare';
import { load8, port, store8, word } from 'virtsec/sdk/intrinsics';

const UART = 0x1000_0000;
const LINE_STATUS = UART + 5;
/** LSR.THRE. */
const TRANSMITTER_EMPTY = 32;
/** Looks at the line status before a byte is given up: the line is dead. */
const PATIENCE = 100000;
/** LSR.DR. */
const DATA_READY = 1;
/** Ticks between two looks at what was typed: the UART's interrupt is not passed on. */
const GLANCE = 200;
/** Bytes of one stream before the next one has its turn. */
const BYTES = 4096;
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
/** What a guest has written, at most a turn's worth. */
function drainStream(s: Console, stream: number): void {
  const waiting = streamWaiting(stream);
  const bytes = waiting < BYTES ? waiting : BYTES;
  for (let i = 0; i < bytes; i++) transmit(s, streamGet(stream));
  if (bytes > 0) streamNotify(stream);
}
/** What was typed, to the first stream. */
function typed(stream: number): void {
  let isTold = true;
  for (let i = 0; i < BYTES; i++) {
    if ((load8(word(LINE_STATUS)) & DATA_READY) === 0 || streamRoom(stream) < 1) {
      if (!isTold) streamNotify(stream);
      return;
    }
    streamPut(stream, load8(word(UART)));
    isTold = false;
  }
  if (!isTold) streamNotify(stream);
}
const ROUNDS = 0x7fff_ffff;
export function main(s: Console, _restarts: number, _startKind: number): number {
  for (let round = 0; round < ROUNDS; round++) {
    for (let handle = 0; handle < port('*'); handle++) drain(s, handle);
    for (let stream = 0; stream < port('streams'); stream++) drainStream(s, stream);
    if (port('streams') > 0) typed(0);
    wait(port('streams') > 0 ? GLANCE : FOREVER);
  }
  return 0;
}
