// The code around every program of a batch, as assembly text: prologue, trap handlers of M-mode and S-mode, epilogue.
//
// Both handlers write a record (layout.ts) and resume behind the instruction that trapped. A program that left its
// arena is resumed at the address in x1, which every jump out of it sets. `ecall` with a service word behind it
// ends the program, begins its next round, or changes the mode; only M-mode serves these, so the S-mode handler
// hands them on by trapping itself, through an instruction whose trap the program does not delegate.

import { assemble } from './assembler.ts';
import {
  ARENA_BYTES, CONTROL, FINAL_CSRS, FINISHER, INPUT_CSRS, inputOffset, LOG, MSIP, MTIMECMP, QUEUE, RAM_BASE,
  RECORD_BYTES, SERVICE, SUPERVISOR_HANDLER, SUPERVISOR_RECORD,
} from './layout.ts'; // prettier-ignore

const C = CONTROL;

/** Lines for x1..x30, from a template with `N`. */
function each(template: (n: number) => string, from = 1, to = 30): string {
  return Array.from({ length: to - from + 1 }, (_, i) => template(from + i)).join('\n');
}

/** Causes that a vector table has entries for. */
const VECTORS = 12;

/** The entries of a vector table behind the first (3.1.7): each leaves its number in `tval`, which an interrupt has 0 in. */
function vectors(handler: string, tval: string): string {
  const causes = Array.from({ length: VECTORS - 1 }, (_, i) => i + 1);
  return [
    ...causes.map((cause) => `    j ${handler}_${cause}`),
    ...causes.flatMap((cause) => [`${handler}_${cause}:`, `    csrrwi x0,${tval},${cause}`, `    j ${handler}`]),
  ].join('\n');
}

/** Folds the dwords from x7 up to x8 into x6; uses x9, x10. */
function digest(label: string): string {
  return `
    li x10,0x9e3779b97f4a7c15
  ${label}:
    ld x9,0(x7)
    xor x6,x6,x9
    mul x6,x6,x10
    srli x9,x6,29
    xor x6,x6,x9
    addi x7,x7,8
    bltu x7,x8,${label}`;
}

/** Offset x11 -> x12 = length of the instruction there; the arena as this handler sees it lies at x31. */
const LENGTH = `
    add x12,x31,x11
    lhu x12,0(x12)
    andi x12,x12,3
    sltiu x12,x12,3                 # 1 for a compressed instruction
    xori x12,x12,1
    slli x12,x12,1
    addi x12,x12,2`;

/** The service word behind offset x11 -> x13 = service, or 0. */
function service(prefix: string): string {
  return `
    li x13,0
    add x14,x31,x11
    lhu x15,4(x14)
    lhu x14,6(x14)
    slli x14,x14,16
    or x15,x15,x14
    slli x14,x15,52
    srli x14,x14,52
    addi x14,x14,-55
    bnez x14,${prefix}_plain
    slli x15,x15,32
    srli x13,x15,44
  ${prefix}_plain:`;
}

/** Cause x2 -> branch to `label` unless it is an environment call. */
function unlessEcall(label: string): string {
  return `
    addi x14,x2,-8
    beqz x14,${label}_ecall
    addi x14,x14,-1
    beqz x14,${label}_ecall
    addi x14,x14,-2
    bnez x14,${label}
  ${label}_ecall:`;
}

const MACHINE = `
start:
    la x30,absent
    csrw mtvec,x30
next:
    li x1,${QUEUE}
    ld x31,0(x1)                    # x31 = the arena
    ld x2,8(x1)
    beqz x2,finish
    addi x2,x2,-1
    sd x2,8(x1)
    li x3,${ARENA_BYTES}
    add x3,x31,x3
    sd x3,0(x1)
    la x30,absent                   # a CSR that does not exist is passed over
    csrw mtvec,x30
    li x1,${MSIP}
    sw x0,0(x1)
    li x1,${MTIMECMP}
    li x2,-1
    sd x2,0(x1)
    csrw stimecmp,x2
    csrw menvcfg,x0
    csrw mie,x0
    csrw mip,x0
    csrw satp,x0
    csrw pmpcfg0,x0
    csrw pmpcfg2,x0
    csrw sepc,x0
    csrw scause,x0
    csrw stval,x0
    csrw mcause,x0
    csrw mtval,x0
    li x1,0x6000
    csrw mstatus,x1
    addi x29,x31,1024
    addi x29,x29,1024               # x29 = the inputs
${each((n) => `    ld x1,${C.initialF - 0x800 + 8 * n}(x29)\n    fmv.d.x f${n},x1`, 0, 31)}
${INPUT_CSRS.map((name) => `    ld x1,${inputOffset(name) - 0x800}(x29)\n    csrw ${name},x1`).join('\n')}
    csrw mscratch,x31
    addi x1,x31,8
    sc.d x2,x0,(x1)                 # no reservation is left from before
    ld x1,${C.machineVector}(x31)
    csrw mtvec,x1
    sfence.vma x0,x0
    fence.i
    csrr x1,minstret
    sd x1,${C.instretStart}(x31)
    mv x31,x29
${each((n) => `    ld x${n},${C.initialX - 0x800 + 8 * n}(x31)`)}
    ld x31,${C.initialX - 0x800 + 8 * 31}(x31)
    mret

.align 4
absent:
    csrr x30,mepc
    addi x30,x30,4
    csrw mepc,x30
    li x30,0x1800
    csrs mstatus,x30
    mret

.align 64
trap_vectors:
    j trap
${vectors('trap', 'mtval')}

.align 4
trap:
    csrrw x31,mscratch,x31
${each((n) => `    sd x${n},${C.savedByMachine + 8 * n}(x31)`)}
    csrr x1,minstret
    sd x1,${C.instretTrap}(x31)
    csrr x1,mscratch
    sd x1,${C.savedByMachine + 8 * 31}(x31)
    csrw mscratch,x31
    ld x1,${C.logNext}(x31)
    addi x2,x1,${RECORD_BYTES}
    sd x2,${C.logNext}(x31)
    add x1,x1,x31
    csrr x2,mcause
    csrr x3,mepc
    csrr x4,mtval
    csrr x5,mstatus
    sd x2,0(x1)
    sd x3,8(x1)
    sd x4,16(x1)
    sd x5,24(x1)
    csrr x4,mip
    sd x4,40(x1)
    li x6,0
    addi x7,x31,${C.savedByMachine + 8}
    addi x8,x31,${C.savedByMachine + 256}
${digest('trap_digest')}
    blt x2,x0,trap_digested
    srli x7,x5,13                   # floating-point registers join the digest of an ecall while FS is on
    andi x7,x7,3
    beqz x7,trap_digested
${unlessEcall('trap_digested')}
${each((n) => `    fsd f${n},${C.finalF + 8 * n}(x31)`, 0, 31)}
    csrrs x7,fcsr,x0
    xor x6,x6,x7
    addi x7,x31,${C.finalF}
    addi x8,x31,${C.finalF + 256}
${digest('trap_float_digest')}
trap_digested:
    sd x6,32(x1)
    ld x9,${C.trapsLeft}(x31)
    addi x9,x9,-1
    sd x9,${C.trapsLeft}(x31)
    li x16,2
    beqz x9,end
    bge x2,x0,exception

    slli x2,x2,58                   # an interrupt: remove its cause
    srli x2,x2,58
    addi x3,x2,-3
    bnez x3,not_software
    li x3,${MSIP}
    sw x0,0(x3)
    j resume
not_software:
    addi x3,x2,-7
    bnez x3,not_timer
    li x3,${MTIMECMP}
    li x4,-1
    sd x4,0(x3)
    j resume
not_timer:
    li x3,1
    sll x3,x3,x2
    csrc mip,x3
    csrr x4,mip
    and x4,x4,x3
    beqz x4,resume
    csrc mie,x3                     # cannot be cleared from here
    j resume

exception:
    srli x7,x5,11                   # x7 = the mode it came from
    andi x7,x7,3
    ld x8,${C.supervisorReturn}(x31)
    bne x8,x3,not_return
    li x8,0x400000                  # the S-mode handler's own sret met TSR: let it through
    csrc mstatus,x8
    j resume
not_return:
    ld x8,${C.forwardEcall}(x31)
    beq x8,x3,forwarded
    ld x8,${C.forwardIllegal}(x31)
    bne x8,x3,located
forwarded:
    csrr x2,scause
    csrr x3,sepc
    srli x7,x5,8
    andi x7,x7,1
    srli x8,x5,4                    # what sret would have done: SIE = SPIE
    andi x8,x8,2
    csrs mstatus,x8
located:
    slli x8,x7,3
    add x8,x8,x31
    ld x8,${C.windows}(x8)
    sub x11,x3,x8                   # x11 = offset in the arena
    li x9,${ARENA_BYTES}
    bltu x11,x9,inside
    ld x11,${C.savedByMachine + 8}(x31)
    sub x11,x11,x8
    li x16,3
    bgeu x11,x9,end
    j continue
inside:
${LENGTH}
${unlessEcall('skip')}
${service('machine')}
    li x16,1
    li x14,${SERVICE.end}
    beq x13,x14,end
    li x14,${SERVICE.loop}
    bne x13,x14,not_loop
    ld x14,${C.loopsLeft}(x31)
    addi x14,x14,-1
    sd x14,${C.loopsLeft}(x31)
    bge x0,x14,skip
    ld x11,${C.loopStart}(x31)
    j continue
not_loop:
    andi x14,x13,${SERVICE.switchMode}
    beqz x14,skip
    andi x7,x13,3
skip:
    add x11,x11,x12
continue:
    slli x8,x7,3
    add x8,x8,x31
    ld x8,${C.windows}(x8)
    add x11,x11,x8
    andi x11,x11,-2                 # QEMU 7.2 would keep an odd epc
    csrw mepc,x11
    li x8,0x1800
    csrc mstatus,x8
    slli x7,x7,11
    csrs mstatus,x7
resume:
    csrr x1,minstret
    ld x2,${C.instretTrap}(x31)
    ld x3,${C.instretInTraps}(x31)
    sub x1,x1,x2
    add x3,x3,x1
    sd x3,${C.instretInTraps}(x31)
${each((n) => `    ld x${n},${C.savedByMachine + 8 * n}(x31)`)}
    ld x31,${C.savedByMachine + 8 * 31}(x31)
    mret

end:
    sd x16,${C.outcome}(x31)
    ld x1,${C.instretTrap}(x31)
    ld x2,${C.instretInTraps}(x31)
    ld x3,${C.instretStart}(x31)
    sub x1,x1,x2
    sub x1,x1,x3
    sd x1,${C.instretProgram}(x31)
    la x30,absent
    csrw mtvec,x30
${each((n) => `    ld x1,${C.savedByMachine + 8 * n}(x31)\n    sd x1,${C.finalX + 8 * n}(x31)`, 1, 31)}
${FINAL_CSRS.map((name, i) => `    csrr x1,${name}\n    sd x1,${C.finalCsr + 8 * i}(x31)`).join('\n')}
    li x1,0x6000
    csrs mstatus,x1
${each((n) => `    fsd f${n},${C.finalF + 8 * n}(x31)`, 0, 31)}
    j next

finish:
    li x1,${FINISHER}
    li x2,0x5555
    sw x2,0(x1)
finished:
    j finished
`;

const SUPERVISOR = `
    j supervisor
${vectors('supervisor', 'stval')}
supervisor:
    csrrw x31,sscratch,x31
${each((n) => `    sd x${n},${C.savedBySupervisor + 8 * n}(x31)`)}
    csrr x1,sscratch
    sd x1,${C.savedBySupervisor + 8 * 31}(x31)
    csrw sscratch,x31
    ld x1,${C.logNext}(x31)
    addi x2,x1,${RECORD_BYTES}
    sd x2,${C.logNext}(x31)
    add x1,x1,x31
    csrr x2,scause
    csrr x3,sepc
    csrr x4,stval
    csrr x5,sstatus
    li x6,1
    slli x6,x6,${SUPERVISOR_RECORD}
    or x6,x6,x2
    sd x6,0(x1)
    sd x3,8(x1)
    sd x4,16(x1)
    sd x5,24(x1)
    csrr x4,sip
    sd x4,40(x1)
    li x6,0
    addi x7,x31,${C.savedBySupervisor + 8}
    addi x8,x31,${C.savedBySupervisor + 256}
${digest('supervisor_digest')}
    sd x6,32(x1)
    ld x9,${C.trapsLeft}(x31)
    addi x10,x0,2
    bltu x9,x10,forward             # M-mode will end the program
    addi x9,x9,-1
    sd x9,${C.trapsLeft}(x31)
    bge x2,x0,supervisor_exception
    slli x2,x2,58
    srli x2,x2,58
    li x3,1
    sll x3,x3,x2
    csrc sip,x3
    csrr x4,sip
    and x4,x4,x3
    beqz x4,supervisor_resume
    csrc sie,x3
    j supervisor_resume
supervisor_exception:
    srli x7,x5,8
    andi x7,x7,1
    slli x8,x7,3
    add x8,x8,x31
    ld x8,${C.windows}(x8)
    sub x11,x3,x8
    li x9,${ARENA_BYTES}
    bgeu x11,x9,forward
${LENGTH}
${unlessEcall('supervisor_skip')}
${service('supervisor')}
    bnez x13,forward
supervisor_skip:
    add x11,x11,x12
    add x11,x11,x8
    csrw sepc,x11
supervisor_resume:
${each((n) => `    ld x${n},${C.savedBySupervisor + 8 * n}(x31)`)}
    ld x31,${C.savedBySupervisor + 8 * 31}(x31)
supervisor_return:
    sret

forward:
    ld x1,${C.forwardBy}(x31)
    bnez x1,forward_illegal
${each((n) => `    ld x${n},${C.savedBySupervisor + 8 * n}(x31)`)}
    ld x31,${C.savedBySupervisor + 8 * 31}(x31)
forward_ecall:
    ecall
forward_illegal:
${each((n) => `    ld x${n},${C.savedBySupervisor + 8 * n}(x31)`)}
    ld x31,${C.savedBySupervisor + 8 * 31}(x31)
forward_word:
    .word 0
`;

const machine = assemble(MACHINE, RAM_BASE);
const supervisor = assemble(SUPERVISOR, SUPERVISOR_HANDLER);
if (machine.bytes.length > 0x1000 || supervisor.bytes.length > 0x1000) throw new Error('the runtime outgrew its pages');

/** Addresses of the M-mode handler: for mtvec's direct mode, and its vector table for the other. */
export const MACHINE_HANDLER = machine.labels.get('trap')!;
export const MACHINE_VECTORS = machine.labels.get('trap_vectors')!;
/** Where the S-mode handler begins in its page; its vector table begins the page. */
export const SUPERVISOR_ENTRY = supervisor.labels.get('supervisor')! - SUPERVISOR_HANDLER;
/** Offsets of instructions that the M-mode handler knows in the page of the S-mode handler. */
export const FORWARD_ECALL = supervisor.labels.get('forward_ecall')! - SUPERVISOR_HANDLER;
export const SUPERVISOR_RETURN = supervisor.labels.get('supervisor_return')! - SUPERVISOR_HANDLER;
export const FORWARD_ILLEGAL = supervisor.labels.get('forward_word')! - SUPERVISOR_HANDLER;

/** Puts the runtime for `programs` arenas into the RAM of a batch. */
export function placeRuntime(ram: Uint8Array, firstArena: number, programs: number): void {
  ram.set(machine.bytes, 0);
  ram.set(supervisor.bytes, SUPERVISOR_HANDLER - RAM_BASE);
  const view = new DataView(ram.buffer, ram.byteOffset);
  view.setBigUint64(QUEUE - RAM_BASE, BigInt(firstArena), true);
  view.setBigUint64(QUEUE - RAM_BASE + 8, BigInt(programs), true);
}

/** The value of `logNext` before the first trap. */
export const LOG_START = LOG;
