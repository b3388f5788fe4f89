/*
 * What leads from a guest's UARTs to the partition's streams; -1: nothing is there, and bytes fall off. In the language of metal programs.
 */
import { streamGet, streamNotify, streamPut, streamRoom, streamWaiting } from 'virtsec/sdk/bare';
import { uartHoldRoom, uartPeekSent, uartReceive, uartSent, uartTakeSent } from '../devices/ns16550a.ts';

/** What the guest has sent, as far as there is room; how many bytes. */
export function passOut(u: Int32Array, stream: number): number {
  const waiting = uartSent(u);
  if (waiting === 0) return 0;
  const room = stream < 0 ? waiting : streamRoom(stream);
  const bytes = waiting < room ? waiting : room;
  if (stream >= 0) for (let i = 0; i < bytes; i++) streamPut(stream, uartPeekSent(u, i));
  uartTakeSent(u, bytes);
  return stream < 0 ? 0 : bytes;
}
/** What has come for the guest. */
export function passIn(u: Int32Array, stream: number): number {
  if (stream < 0) return 0;
  const waiting = streamWaiting(stream);
  const room = uartHoldRoom(u);
  const bytes = waiting < room ? waiting : room;
  for (let i = 0; i < bytes; i++) uartReceive(u, streamGet(stream));
  return bytes;
}
/** The reader is gone, and what waited for it. */
export function drop(u: Int32Array): void {
  uartTakeSent(u, uartSent(u));
}
export function tell(stream: number): void {
  streamNotify(stream);
}
