// The only code that is not compiled: how a hart enters the image, how a trap enters the supervisor and how it leaves it
// (Privileged ISA 3.1.7, 3.1.13, 3.1.14), and how a partition's program begins.
//
// The supervisor has `main(): Word`, called once, and `trap(): Word`, called at each trap from U-mode; both return the address
// of the register frame to go on with. A frame has 32 words of 64 bits: pc in place 0, x1..x31 in places 1..31. mscratch
// holds the address of the frame of what runs. Every register is stored before the supervisor looks, and every register is
// loaded from the next frame: none of another context's is left.
import { GP_OFFSET } from './layout.ts';
import { A0, GP, RA, SP, ZERO, x } from './instructions.ts';
import type { Assembler } from './assemble.ts';

/** CSR numbers (Privileged ISA, chapter 2). */
export const CSR = { mtvec: 0x305, mscratch: 0x340, mepc: 0x341, mhartid: 0xf14 } as const;
export const FRAME_BYTES = 256;
const [T0, T1] = [x('t0'), x('t1')];

const readCsr = (asm: Assembler, rd: number, csr: number): void => asm.op('csrrs', rd, ZERO, 0, csr);
const writeCsr = (asm: Assembler, csr: number, rs: number): void => asm.op('csrrw', ZERO, rs, 0, csr);
const setTrapVector = (asm: Assembler, to: string): void => {
  asm.address(T0, to);
  writeCsr(asm, CSR.mtvec, T0);
};
const setBases = (asm: Assembler): void => {
  asm.address(GP, 'state', GP_OFFSET);
  asm.address(SP, 'stack');
};

/** Hart 0 runs `main`; the others sleep. A trap within the supervisor ends everything: at `halt`. */
export function entryStub(asm: Assembler, hasTraps: boolean): void {
  asm.label('entry');
  readCsr(asm, T0, CSR.mhartid);
  asm.branch('ne', T0, ZERO, 'park');
  setTrapVector(asm, 'halt');
  setBases(asm);
  // RAM holds anything: after a warm reset even what the last run left.
  asm.address(T0, 'state');
  asm.move(T1, SP);
  asm.label('entry.clear');
  asm.store(ZERO, T0, 0);
  asm.store(ZERO, T0, 8);
  asm.imm('addi', T0, T0, 16);
  asm.branch('ltu', T0, T1, 'entry.clear');
  asm.jump('main', RA);
  if (hasTraps) asm.jump('resume');
  asm.label('park');
  asm.op('wfi', 0);
  asm.jump('park');
  // mtvec's low two bits are its mode.
  asm.align(4);
  asm.label('halt');
  asm.jump('halt');
}

/** Of a trap from U-mode. Within the supervisor mtvec is `halt`: a trap there would write to no frame. */
export function trapStub(asm: Assembler): void {
  asm.align(4);
  asm.label('enter');
  asm.op('csrrw', SP, SP, 0, CSR.mscratch);
  for (let r = 1; r < 32; r++) if (r !== SP) asm.store(r, SP, r * 8);
  readCsr(asm, T0, CSR.mscratch);
  asm.store(T0, SP, SP * 8);
  readCsr(asm, T0, CSR.mepc);
  asm.store(T0, SP, 0);
  setTrapVector(asm, 'halt');
  // The frame's address: `trap` asks for it.
  writeCsr(asm, CSR.mscratch, SP);
  setBases(asm);
  asm.jump('trap', RA);
  asm.label('resume');
  setTrapVector(asm, 'enter');
  writeCsr(asm, CSR.mscratch, A0);
  asm.load(T0, A0, 0);
  writeCsr(asm, CSR.mepc, T0);
  for (let r = 1; r < 32; r++) if (r !== A0) asm.load(r, A0, r * 8);
  asm.load(A0, A0, A0 * 8);
  asm.op('mret', 0);
}

/** Of a program in U-mode: its bases, `main`, and then the call that ends it. */
export function programStub(asm: Assembler, exit: number): void {
  asm.label('begin');
  setBases(asm);
  asm.jump('main', RA);
  asm.constant(x('a7'), exit);
  asm.label('begin.end');
  asm.op('ecall', 0);
  asm.jump('begin.end');
}
