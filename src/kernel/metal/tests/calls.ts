// What the test programs share: operations of the kernel, and the message page.
import { add64, ecall, load32, store32, symbol, word } from '../../../compiler/intrinsics.ts';

export const OP_SHUTDOWN = 5;
export const OP_WAIT = 8;
export const OP_SEND = 10;
export const OP_RECEIVE = 11;
export const OP_AUDIT = 28;
const OUT = 1024;
const HEAD = 4;

export function put(index: number, value: number): void {
  store32(add64(symbol('page'), word(index * 4)), value);
}
/** Word `index` of the message that came; its length in bytes is result word 0. */
export function got(index: number): number {
  return load32(add64(symbol('page'), word(OUT + (HEAD + index) * 4)));
}
export function resultWord(index: number): number {
  return load32(add64(symbol('page'), word(OUT + index * 4)));
}
export function call3(op: number, a0: number, a1: number, a2: number): number {
  return ecall(op, a0, a1, a2);
}
