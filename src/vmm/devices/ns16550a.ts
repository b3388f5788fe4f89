// ns16550a UART (National Semiconductor PC16550D data sheet, section 8).
//
// Language subset of device models: ints and Int32Array words, plain functions, nothing else (docs/design/seams.md).
//
// Two things are ours and not the data sheet's:
//  - Transmitted bytes go into a ring that the VMM empties; THRE and TEMT say that the ring has room for a whole FIFO.
//  - Input waits in a *hold* ring until the guest listens: it has set IER.ERBFI, or it polls (POLLS_TO_LISTEN reads of
//    LSR without any other access between). The receiver FIFO then shows the hold ring's first bytes, so that neither a FIFO reset
//    nor a probe of the driver loses a byte that somebody typed.

// ---- registers: offset, data sheet 8.0 table II. DLAB (LCR bit 7) selects DLL and DLM at 0 and 1.
/** Read: receiver buffer (RBR). Write: transmitter holding register (THR). */
export const RBR_THR = 0;
export const IER = 1;
/** Read: interrupt identification (IIR). Write: FIFO control (FCR). */
export const IIR_FCR = 2;
export const LCR = 3;
export const MCR = 4;
export const LSR = 5;
export const MSR = 6;
export const SCR = 7;
export const UART_REGISTERS = 8;

export const IER_ERBFI = 1;
export const IER_ETBEI = 2;
export const IER_ELSI = 4;
export const IER_EDSSI = 8;

// IIR bits 3..0, in falling priority (data sheet table V).
export const IIR_LINE_STATUS = 6;
export const IIR_DATA = 4;
export const IIR_TIMEOUT = 12;
export const IIR_THR_EMPTY = 2;
export const IIR_MODEM = 0;
export const IIR_NONE = 1;
export const IIR_FIFOS = 0xc0;

export const FCR_ENABLE = 1;
export const FCR_CLEAR_RECEIVER = 2;
export const LCR_DLAB = 0x80;
export const MCR_LOOP = 0x10;
export const LSR_DR = 1;
export const LSR_OE = 2;
export const LSR_THRE = 0x20;
export const LSR_TEMT = 0x40;

const MSR_RI = 0x40;
/** Outside loopback the line is always up: DCD, DSR, CTS. */
const MSR_LINE_UP = 0xb0;
const MSR_TERI = 4;

// ---- state words
const U_IER = 0;
const U_LCR = 1;
const U_MCR = 2;
const U_FCR = 3;
const U_SCR = 4;
const U_DLL = 5;
const U_DLM = 6;
/** Sticky error bits of LSR, until it is read. */
const U_ERRORS = 7;
/** Delta bits of MSR, until it is read. */
const U_DELTA = 8;
const U_THRE_PENDING = 9;
/** THRE as last seen, to find its rising edge. */
const U_THRE_SEEN = 10;
/** Output: the interrupt line. */
export const U_LEVEL = 11;
const U_POLLS = 12;
const U_POLLED = 13;
const U_LOOP_COUNT = 14;
// Free-running counts of bytes put and taken.
const U_HOLD_PUT = 15;
const U_HOLD_TAKEN = 16;
const U_SENT_PUT = 17;
const U_SENT_TAKEN = 18;
const U_LOOP = 20;
const FIFO = 16;
const U_HOLD = 64;
export const HOLD_BYTES = 2048;
const U_SENT = U_HOLD + HOLD_BYTES;
export const SENT_BYTES = 2048;
/** Words of one UART's state; rings hold one byte a word. */
export const UART_WORDS = U_SENT + SENT_BYTES;

export const POLLS_TO_LISTEN = 16;

export function uartReset(s: Int32Array): void {
  // The rings stay: bytes on the wire are not the UART's, and a reset of the guest loses none of them.
  for (let i = 0; i < U_HOLD_PUT; i++) s[i] = 0;
  s[U_DLL] = 1;
  s[U_THRE_PENDING] = 0;
  uartUpdate(s);
}

function held(s: Int32Array): number {
  return (s[U_HOLD_PUT] - s[U_HOLD_TAKEN]) | 0;
}

function fifoDepth(s: Int32Array): number {
  return (s[U_FCR] & FCR_ENABLE) !== 0 ? FIFO : 1;
}

/** Bytes that the receiver FIFO shows: looped ones, or the held ones (more than 16 look like 16). */
function received(s: Int32Array): number {
  if ((s[U_MCR] & MCR_LOOP) !== 0 || s[U_LOOP_COUNT] > 0) return s[U_LOOP_COUNT];
  if ((s[U_IER] & IER_ERBFI) === 0 && s[U_POLLED] === 0) return 0;
  return held(s);
}

function transmitterEmpty(s: Int32Array): number {
  return uartSendRoom(s) >= FIFO ? 1 : 0;
}

/** Receiver trigger level (FCR bits 7..6): 1, 4, 8 or 14 bytes. */
function trigger(s: Int32Array): number {
  const code = (s[U_FCR] >> 6) & 3;
  if (code === 0) return 1;
  if (code === 1) return 4;
  return code === 2 ? 8 : 14;
}

/** IIR bits 3..0: the pending source of highest priority. Below the trigger level the time-out is due at once: no time passes here. */
function cause(s: Int32Array): number {
  const ier = s[U_IER];
  if ((ier & IER_ELSI) !== 0 && s[U_ERRORS] !== 0) return IIR_LINE_STATUS;
  if ((ier & IER_ERBFI) !== 0) {
    const n = received(s);
    if (n > 0) return (s[U_FCR] & FCR_ENABLE) !== 0 && n < trigger(s) ? IIR_TIMEOUT : IIR_DATA;
  }
  if ((ier & IER_ETBEI) !== 0 && s[U_THRE_PENDING] !== 0) return IIR_THR_EMPTY;
  if ((ier & IER_EDSSI) !== 0 && s[U_DELTA] !== 0) return IIR_MODEM;
  return IIR_NONE;
}

/** Derives the interrupt line; after every change of state, from either side. */
function uartUpdate(s: Int32Array): void {
  const empty = transmitterEmpty(s);
  if (empty !== 0 && s[U_THRE_SEEN] === 0) s[U_THRE_PENDING] = 1;
  s[U_THRE_SEEN] = empty;
  s[U_LEVEL] = cause(s) === IIR_NONE ? 0 : 1;
}

/** MSR bits 7..4; in loopback they follow MCR's RTS, DTR, OUT1 and OUT2 (data sheet 8.6.7). */
function modemLines(s: Int32Array): number {
  const mcr = s[U_MCR];
  if ((mcr & MCR_LOOP) === 0) return MSR_LINE_UP;
  return ((mcr & 2) << 3) | ((mcr & 1) << 5) | ((mcr & 4) << 4) | ((mcr & 8) << 4);
}

function writeMcr(s: Int32Array, value: number): void {
  const before = modemLines(s);
  s[U_MCR] = value & 0x1f;
  const after = modemLines(s);
  let delta = ((before ^ after) >> 4) & 0xb;
  if ((before & MSR_RI) !== 0 && (after & MSR_RI) === 0) delta = delta | MSR_TERI;
  s[U_DELTA] = s[U_DELTA] | delta;
}

function writeFcr(s: Int32Array, value: number): void {
  // Changing the mode clears the FIFOs; with bit 0 clear no other bit is programmed (8.6.3).
  const enable = value & FCR_ENABLE;
  if (enable !== (s[U_FCR] & FCR_ENABLE) || (enable !== 0 && (value & FCR_CLEAR_RECEIVER) !== 0)) s[U_LOOP_COUNT] = 0;
  s[U_FCR] = enable !== 0 ? value & 0xc9 : 0;
}

function loopBack(s: Int32Array, byte: number): void {
  const n = s[U_LOOP_COUNT];
  if (n >= fifoDepth(s)) {
    // Overrun: in FIFO mode the FIFO keeps its bytes, in 16450 mode the new one overwrites (8.6.2).
    s[U_ERRORS] = s[U_ERRORS] | LSR_OE;
    if ((s[U_FCR] & FCR_ENABLE) === 0) s[U_LOOP] = byte;
    return;
  }
  s[U_LOOP + (n & 15)] = byte;
  s[U_LOOP_COUNT] = n + 1;
}

function writeThr(s: Int32Array, byte: number): void {
  s[U_THRE_PENDING] = 0;
  s[U_THRE_SEEN] = 0;
  if ((s[U_MCR] & MCR_LOOP) !== 0) loopBack(s, byte);
  else put(s, byte);
}

function put(s: Int32Array, byte: number): void {
  if (uartSendRoom(s) <= 0) return; // written without looking at THRE: lost, as on the chip
  s[U_SENT + (s[U_SENT_PUT] & (SENT_BYTES - 1))] = byte;
  s[U_SENT_PUT] = (s[U_SENT_PUT] + 1) | 0;
}

function readRbr(s: Int32Array): number {
  const n = received(s);
  if (n === 0) return 0;
  if (s[U_LOOP_COUNT] > 0) {
    const byte = s[U_LOOP];
    for (let i = 1; i < FIFO; i++) s[U_LOOP + i - 1] = s[U_LOOP + i];
    s[U_LOOP_COUNT] = s[U_LOOP_COUNT] - 1;
    return byte;
  }
  const byte = s[U_HOLD + (s[U_HOLD_TAKEN] & (HOLD_BYTES - 1))];
  s[U_HOLD_TAKEN] = (s[U_HOLD_TAKEN] + 1) | 0;
  return byte;
}

function readLsr(s: Int32Array): number {
  const empty = transmitterEmpty(s);
  // A guest that waits for room to transmit reads LSR too: only reads that find the transmitter empty wait for input.
  if (empty !== 0 && s[U_POLLED] === 0) {
    s[U_POLLS] = s[U_POLLS] + 1;
    if (s[U_POLLS] >= POLLS_TO_LISTEN) s[U_POLLED] = 1;
  }
  const value = s[U_ERRORS] | (received(s) > 0 ? LSR_DR : 0) | (empty !== 0 ? LSR_THRE | LSR_TEMT : 0);
  s[U_ERRORS] = 0;
  return value;
}

function readIir(s: Int32Array): number {
  const source = cause(s);
  if (source === IIR_THR_EMPTY) s[U_THRE_PENDING] = 0; // reading it is the acknowledgement (table V)
  return source | ((s[U_FCR] & FCR_ENABLE) !== 0 ? IIR_FIFOS : 0);
}

/** Register read, 0..255. Offsets 0..7; anything else reads 0. */
export function uartRead(s: Int32Array, offset: number): number {
  const dlab = s[U_LCR] & LCR_DLAB;
  let value = 0;
  if (offset !== LSR && offset !== RBR_THR) s[U_POLLS] = 0;
  switch (offset) {
    case RBR_THR:
      value = dlab !== 0 ? s[U_DLL] : readRbr(s);
      break;
    case IER:
      value = dlab !== 0 ? s[U_DLM] : s[U_IER];
      break;
    case IIR_FCR:
      value = readIir(s);
      break;
    case LCR:
      value = s[U_LCR];
      break;
    case MCR:
      value = s[U_MCR];
      break;
    case LSR:
      value = readLsr(s);
      break;
    case MSR:
      value = modemLines(s) | s[U_DELTA];
      s[U_DELTA] = 0;
      break;
    case SCR:
      value = s[U_SCR];
      break;
    default:
      break;
  }
  uartUpdate(s);
  return value;
}

/** Register write; the low byte of `value` counts. */
export function uartWrite(s: Int32Array, offset: number, value: number): void {
  const byte = value & 0xff;
  const dlab = s[U_LCR] & LCR_DLAB;
  s[U_POLLS] = 0;
  // Programming the UART anew ends polling; transmitting does not (a polled shell echoes).
  if (offset !== RBR_THR && offset !== SCR) s[U_POLLED] = 0;
  switch (offset) {
    case RBR_THR:
      if (dlab !== 0) s[U_DLL] = byte;
      else writeThr(s, byte);
      break;
    case IER:
      if (dlab !== 0) s[U_DLM] = byte;
      else {
        // Enabling the interrupt while THR is empty raises it (what drivers test for at start-up).
        if ((byte & IER_ETBEI) !== 0 && (s[U_IER] & IER_ETBEI) === 0 && transmitterEmpty(s) !== 0)
          s[U_THRE_PENDING] = 1;
        s[U_IER] = byte & 0xf;
      }
      break;
    case IIR_FCR:
      writeFcr(s, byte);
      break;
    case LCR:
      s[U_LCR] = byte;
      break;
    case MCR:
      writeMcr(s, byte);
      break;
    case SCR:
      s[U_SCR] = byte;
      break;
    default:
      break; // LSR and MSR are for reading
  }
  uartUpdate(s);
}

// ---- the wire: what the VMM (or its firmware) does at the other side

/** Bytes that fit into the hold ring. */
export function uartHoldRoom(s: Int32Array): number {
  return HOLD_BYTES - held(s);
}

/** A byte from the wire; false when the hold ring is full. */
export function uartReceive(s: Int32Array, byte: number): boolean {
  if (uartHoldRoom(s) <= 0) return false;
  s[U_HOLD + (s[U_HOLD_PUT] & (HOLD_BYTES - 1))] = byte & 0xff;
  s[U_HOLD_PUT] = (s[U_HOLD_PUT] + 1) | 0;
  uartUpdate(s);
  return true;
}

/** Takes a held byte past the registers (SBI console reads), or -1. */
export function uartTakeHeld(s: Int32Array): number {
  if (held(s) <= 0) return -1;
  const byte = s[U_HOLD + (s[U_HOLD_TAKEN] & (HOLD_BYTES - 1))];
  s[U_HOLD_TAKEN] = (s[U_HOLD_TAKEN] + 1) | 0;
  uartUpdate(s);
  return byte;
}

/** Bytes sent and not yet taken by the VMM. */
export function uartSent(s: Int32Array): number {
  return (s[U_SENT_PUT] - s[U_SENT_TAKEN]) | 0;
}

export function uartSendRoom(s: Int32Array): number {
  return SENT_BYTES - uartSent(s);
}

/** Sends a byte past the registers (SBI and HTIF consoles); false when there is no room. */
export function uartSend(s: Int32Array, byte: number): boolean {
  if (uartSendRoom(s) <= 0) return false;
  put(s, byte & 0xff);
  uartUpdate(s);
  return true;
}

/** The n-th byte sent and not yet taken; 0 <= n < uartSent(). */
export function uartPeekSent(s: Int32Array, n: number): number {
  return s[U_SENT + ((s[U_SENT_TAKEN] + n) & (SENT_BYTES - 1))];
}

/** The first `n` sent bytes have left; 0 <= n <= uartSent(). */
export function uartTakeSent(s: Int32Array, n: number): void {
  s[U_SENT_TAKEN] = (s[U_SENT_TAKEN] + n) | 0;
  uartUpdate(s);
}
