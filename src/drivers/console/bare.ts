// The console driver on bare metal: the one program whose regions cover the UART (ns16550a), and that has its interrupt. It prints the
// messages of the queues that lead to it, byte by byte, each queue in its order, and is the terminal of the guests whose streams lead
// to it: one is shown at a time. Ctrl-] and a digit shows another, Ctrl-] q ends the system, Ctrl-] c sends Ctrl-], as hosted.
import {
  OK,
  gotByte,
  receive,
  rest,
  resultWord,
  shutDown,
  streamBegin,
  streamGet,
  streamNotify,
  streamPut,
  streamRoom,
  streamWaiting,
} from 'virtsec/sdk/bare';
import { add64, addressOf, load8, port, store8, word } from 'virtsec/sdk/intrinsics';

const UART = 0x1000_0000;
const IER = UART + 1;
const LINE_STATUS = UART + 5;
/** LSR.THRE. */
const TRANSMITTER_EMPTY = 32;
/** Looks at the line status before a byte is given up: the line is dead. */
const PATIENCE = 100000;
/** LSR.DR; IER.ERBFI. */
const DATA_READY = 1;
const RECEIVED = 1;
/** Ticks of a rest. */
const LONG = 0x3fff_ffff;
/** Bytes of one stream before the next one has its turn. */
const BYTES = 4096;
/** Messages of one queue before the next one has its turn. */
const TURN = 16;
/** Of a console that is not shown the last so many bytes are kept, a power of two. */
const KEPT = 2048;
const MAX_CONSOLES = 8;
const KEPT_WORDS = MAX_CONSOLES * 512;
const MENU = 29;
const DIGIT_1 = 49;
const LETTER_C = 99;
const LETTER_Q = 113;
const RETURN = 13;
const NEWLINE = 10;
const OPEN = 91;
const CLOSE = 93;

export class Console {
  dropped = 0;
  shown = 0;
  isMenu = 0;
  /** Something is left to be done before it rests. */
  isBusy = 0;
  /** Whether typed bytes are waited for: not while the guest takes none. */
  isListening = 0;
  /** Bytes that were kept, of which the last KEPT are there. */
  readonly kept = new Int32Array(MAX_CONSOLES);
  readonly bytesKept = new Int32Array(KEPT_WORDS);
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
  s.isBusy = 1;
}
function keep(s: Console, stream: number, byte: number): void {
  store8(add64(addressOf(s.bytesKept), word(stream * KEPT + (s.kept[stream] & (KEPT - 1)))), byte);
  s.kept[stream] = (s.kept[stream] + 1) & 0x3fff_ffff;
}
/** What a guest has written, at most a turn's worth. */
function drainStream(s: Console, stream: number): void {
  const waiting = streamWaiting(stream);
  const bytes = waiting < BYTES ? waiting : BYTES;
  for (let i = 0; i < bytes; i++) {
    const byte = streamGet(stream);
    if (stream === s.shown || stream >= MAX_CONSOLES) transmit(s, byte);
    else keep(s, stream, byte);
  }
  if (bytes > 0) streamNotify(stream);
  if (waiting > BYTES) s.isBusy = 1;
}
function show(s: Console, stream: number): void {
  s.shown = stream;
  transmit(s, RETURN);
  transmit(s, NEWLINE);
  transmit(s, OPEN);
  transmit(s, DIGIT_1 + stream);
  transmit(s, CLOSE);
  transmit(s, RETURN);
  transmit(s, NEWLINE);
  const end = s.kept[stream];
  const first = end > KEPT ? end - KEPT : 0;
  for (let i = first; i < end; i++) {
    transmit(s, load8(add64(addressOf(s.bytesKept), word(stream * KEPT + (i & (KEPT - 1))))));
  }
  s.kept[stream] = 0;
}
/** What the key behind Ctrl-] asks for; true: the key itself is the guest's. */
function isLiteral(s: Console, key: number): boolean {
  if (key === LETTER_Q) shutDown();
  const stream = key - DIGIT_1;
  if (stream >= 0 && stream < port('streams') && stream < MAX_CONSOLES) show(s, stream);
  return key === LETTER_C || key === MENU;
}
function listen(s: Console, isListening: number): void {
  if (s.isListening === isListening) return;
  s.isListening = isListening;
  store8(word(IER), isListening === 1 ? RECEIVED : 0);
}
/** What was typed, to the guest that is shown. */
function typed(s: Console): void {
  let told = -1;
  for (let i = 0; i < BYTES; i++) {
    if (streamRoom(s.shown) < 1 || (load8(word(LINE_STATUS)) & DATA_READY) === 0) {
      listen(s, streamRoom(s.shown) < 1 ? 0 : 1);
      if (told >= 0) streamNotify(told);
      return;
    }
    const key = load8(word(UART));
    const isMenu = s.isMenu === 1;
    s.isMenu = !isMenu && key === MENU ? 1 : 0;
    if (isMenu ? isLiteral(s, key) : key !== MENU) {
      streamPut(s.shown, isMenu ? MENU : key);
      told = s.shown;
    } else if (told >= 0 && told !== s.shown) {
      streamNotify(told);
      told = -1;
    }
  }
  s.isBusy = 1;
  if (told >= 0) streamNotify(told);
}
const ROUNDS = 0x7fff_ffff;
export function main(s: Console, restarts: number, _startKind: number): number {
  // In the first life of all that was put before it began is to be shown.
  if (restarts > 0) for (let stream = 0; stream < port('streams'); stream++) streamBegin(stream);
  for (let round = 0; round < ROUNDS; round++) {
    s.isBusy = 0;
    for (let handle = 0; handle < port('*'); handle++) drain(s, handle);
    for (let stream = 0; stream < port('streams'); stream++) drainStream(s, stream);
    if (port('streams') > 0) typed(s);
    if (s.isBusy === 0) rest(LONG);
  }
  return 0;
}
