// Between a UART's rings and a console's streams. Called with the machine's lock held; a tick of the board must follow,
// because both directions can move the UART's interrupt line.

import { uartHoldRoom, uartPeekSent, uartReceive, uartSent, uartTakeSent } from '../devices/ns16550a.ts';

/** What the wire needs of a stream's producing end (sdk/stream.ts). */
export interface Producer {
  readonly closed: boolean;
  write(bytes: Uint8Array): number;
  waitForSpace(): boolean;
}
export interface Consumer {
  read(into: Uint8Array): number;
  waitForData(): boolean;
}

const CHUNK = 512;
const chunk = new Uint8Array(CHUNK);

/**
 * Moves sent bytes into the stream. What finds no room stays in the UART, whose THRE then stays low, until the consumer
 * makes some and wakes this partition. Without a reader (none in the plan, or a dead one) bytes fall off the wire's end.
 */
export function moveOutput(uart: Int32Array, stream: Producer | undefined): void {
  for (;;) {
    const sent = uartSent(uart);
    if (sent === 0) return;
    if (stream === undefined || stream.closed) {
      uartTakeSent(uart, sent);
      return;
    }
    const n = Math.min(sent, CHUNK);
    for (let i = 0; i < n; i++) chunk[i] = uartPeekSent(uart, i);
    const written = stream.write(n === CHUNK ? chunk : chunk.subarray(0, n));
    uartTakeSent(uart, written);
    if (written < n && stream.waitForSpace()) return;
  }
}

/** Moves typed bytes into the UART's hold ring; true when more wait in the stream for room there. */
export function moveInput(uart: Int32Array, stream: Consumer): boolean {
  for (;;) {
    const room = uartHoldRoom(uart);
    if (room === 0) return true;
    const n = stream.read(chunk.subarray(0, Math.min(room, CHUNK)));
    for (let i = 0; i < n; i++) uartReceive(uart, chunk[i]);
    if (n === 0 && stream.waitForData()) return false;
  }
}
