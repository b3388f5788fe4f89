// A program in U-mode: it says something by calls, then tries what it may not.
import { add64, csrRead, ecall, load64, load8, pair, store32, text, word } from '../intrinsics.ts';

const CALL_PUT = 1;
const MOST = 80;
const FINISHER = 0x10_0000;
const PASS_BUT_NOT_MINE = 0x5555;
const MSTATUS = 0x300;
/** Of 0x80000000, the low word. */
const KERNEL = 1 << 31;

export class Program {
  said = 0;
}

export function main(p: Program): void {
  for (let i = 0; i < MOST; i++) {
    const byte = load8(add64(text('a partition speaks\n'), word(i)));
    if (byte !== 0 && p.said === i) p.said = ecall(CALL_PUT, byte, 0, 0);
  }
  // The kernel's code; a control register; the device that ends the machine.
  load64(pair(0, KERNEL));
  csrRead(MSTATUS);
  store32(word(FINISHER), PASS_BUT_NOT_MINE);
}
