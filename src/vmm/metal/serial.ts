/*
 * ns16550a of a guest on bare metal, without an interrupt line: Linux polls it. Registers by offset (data sheet): RBR and THR 0,
 * IER 1, IIR and FCR 2, LCR 3, MCR 4, LSR 5, MSR 6, SCR 7. Bytes go to and come from the partition's first stream. In the
 * language of metal programs.
 */
import { port } from 'virtsec/sdk/intrinsics';
import { streamGet, streamNotify, streamPut, streamRoom, streamWaiting, wait } from 'virtsec/sdk/bare';

const LCR_DLAB = 0x80;
const LSR_DR = 1;
/** THRE and TEMT: the transmitter is always ready; the VMM waits for room in the stream. */
const LSR_READY = 0x60;
const IIR_NONE = 1;
const IIR_THRE = 2;
const IIR_FIFOS = 0xc0;
const IIR_RDA = 4;
const IER_RDA = 1;
const IER_THRE = 2;
const MCR_LOOP = 0x10;
const MSR_CONNECTED = 0xb0;
/** The guest's console is its partition's first stream. */
const CONSOLE = 0;
/** Ticks: a reader that does not come in so long is gone, and the byte with it. */
const PATIENCE = 100000;

export class Serial {
  ier = 0;
  lcr = 0;
  mcr = 0;
  scr = 0;
  isFifo = 0;
  divisorLow = 0;
  divisorHigh = 0;
  /** Bytes sent that the reader has not been told of. */
  untold = 0;
}
export function transmit(u: Serial, byte: number): void {
  if (port('streams') === 0) return;
  if (streamRoom(CONSOLE) < 1) {
    flush(u);
    wait(PATIENCE);
  }
  if (streamRoom(CONSOLE) < 1) return;
  streamPut(CONSOLE, byte);
  u.untold += 1;
}
/** Tells the reader, once for all that was sent since. */
export function flush(u: Serial): void {
  if (u.untold === 0) return;
  u.untold = 0;
  streamNotify(CONSOLE);
}
function isWaiting(): boolean {
  return port('streams') > 0 && streamWaiting(CONSOLE) > 0;
}
/** A byte that came for the guest; -1: none. */
export function receiveByte(): number {
  return isWaiting() ? streamGet(CONSOLE) : -1;
}
/** Modem status: connected; in loop mode the outputs (data sheet, "Modem Control Register"). */
function modemStatus(u: Serial): number {
  if ((u.mcr & MCR_LOOP) === 0) return MSR_CONNECTED;
  return ((u.mcr & 2) << 3) | ((u.mcr & 1) << 5) | ((u.mcr & 12) << 4);
}
/** The pending interrupt of highest priority (data sheet, table "Interrupt Control Functions"): a polling driver looks at it, too. */
function cause(u: Serial): number {
  if ((u.ier & IER_RDA) !== 0 && isWaiting()) return IIR_RDA;
  return (u.ier & IER_THRE) !== 0 ? IIR_THRE : IIR_NONE;
}
export function serialRead(u: Serial, register: number): number {
  const isDivisor = (u.lcr & LCR_DLAB) !== 0;
  if (register === 0) {
    if (isDivisor) return u.divisorLow;
    return isWaiting() ? streamGet(CONSOLE) : 0;
  }
  if (register === 1) return isDivisor ? u.divisorHigh : u.ier;
  if (register === 2) return cause(u) | (u.isFifo !== 0 ? IIR_FIFOS : 0);
  if (register === 3) return u.lcr;
  if (register === 4) return u.mcr;
  if (register === 5) return isWaiting() ? LSR_READY | LSR_DR : LSR_READY;
  if (register === 6) return modemStatus(u);
  return register === 7 ? u.scr : 0;
}
export function serialWrite(u: Serial, register: number, value: number): void {
  const isDivisor = (u.lcr & LCR_DLAB) !== 0;
  if (register === 0) {
    if (isDivisor) u.divisorLow = value;
    else if ((u.mcr & MCR_LOOP) === 0) transmit(u, value);
  }
  if (register === 1) {
    if (isDivisor) u.divisorHigh = value;
    else u.ier = value & 15;
  }
  if (register === 2) u.isFifo = value & 1;
  if (register === 3) u.lcr = value;
  if (register === 4) u.mcr = value & 31;
  if (register === 7) u.scr = value;
}
