// seccomp filters (seccomp(2)): an assembler for the classic BPF that they are made of. The lists are jail-lists.ts.
import { AUDIT_ARCH, addressOf, callNumber, must } from './linux.ts';

/** What a filter answers (linux/seccomp.h). */
export const ACTION = {
  allow: 0x7fff0000,
  killProcess: 0x80000000,
  /** SECCOMP_RET_ERRNO with EPERM and ENOSYS. */
  eperm: 0x00050001,
  enosys: 0x00050026,
} as const;

/** One instruction: struct sock_filter { u16 code; u8 jt, jf; u32 k } */
export type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, operand: number];

export const LOAD = 0x20; // BPF_LD | BPF_W | BPF_ABS
export const JUMP_EQUAL = 0x15;
const JUMP_GREATER = 0x25;
export const RETURN = 0x06;
/** Offsets in struct seccomp_data { int nr; u32 arch; u64 instruction_pointer; u64 args[6] }, little-endian. */
const OFFSET_NUMBER = 0;
const OFFSET_ARCH = 4;
/** x32 calls have this bit in their number and would pass a filter that knows only x86-64 numbers. */
const X32_BIT = 0x40000000;

/** The filter: `rules` (filter-rules.ts), then what is done about single calls by their numbers, then `otherwise` for every other call. */
export function assemble(
  rules: readonly Instruction[],
  special: readonly { readonly number: number | undefined; readonly action: number }[],
  otherwise: number,
): Instruction[] {
  const program: Instruction[] = [
    [LOAD, 0, 0, OFFSET_ARCH],
    [JUMP_EQUAL, 1, 0, AUDIT_ARCH],
    [RETURN, 0, 0, ACTION.killProcess],
    [LOAD, 0, 0, OFFSET_NUMBER],
  ];
  if (process.arch === 'x64') program.push([JUMP_GREATER, 0, 1, X32_BIT - 1], [RETURN, 0, 0, ACTION.killProcess]);
  program.push(...rules);
  for (const { number, action } of special) {
    if (number !== undefined) program.push([JUMP_EQUAL, 0, 1, number], [RETURN, 0, 0, action]);
  }
  program.push([RETURN, 0, 0, otherwise]);
  return program;
}

/** Installs a filter for the calling thread, or (`allThreads`) for the whole process. Throws SystemCallError. */
export function installFilter(program: readonly Instruction[], allThreads: boolean): void {
  const SECCOMP_SET_MODE_FILTER = 1;
  const FLAG_TSYNC = 1;
  const bytes = new DataView(new ArrayBuffer(program.length * 8));
  program.forEach(([code, jumpTrue, jumpFalse, operand], i) => {
    bytes.setUint16(i * 8, code, true);
    bytes.setUint8(i * 8 + 2, jumpTrue);
    bytes.setUint8(i * 8 + 3, jumpFalse);
    bytes.setUint32(i * 8 + 4, operand, true);
  });
  // struct sock_fprog { u16 len; struct sock_filter *filter }
  const header = new BigUint64Array([BigInt(program.length), addressOf(bytes)]);
  const thread = must('seccomp', SECCOMP_SET_MODE_FILTER, allThreads ? FLAG_TSYNC : 0, addressOf(header));
  if (thread > 0) throw new Error(`thread ${thread} did not take the filter`); // TSYNC names the thread that differs
}

/**
 * Numbers of calls for which neither the kernel process nor any partition ever has a reason, and that could do the host the most harm:
 * ptrace, process_vm_readv, process_vm_writev, pidfd_getfd, kcmp, perf_event_open, bpf, userfaultfd, socket, socketpair, connect,
 * bind, listen, accept, accept4, sendto, sendmsg, mount, umount2, pivot_root, chroot, unshare, setns, fsopen, fsmount, move_mount,
 * open_tree, mount_setattr, open_by_handle_at, init_module, finit_module, delete_module, kexec_load, kexec_file_load, reboot,
 * swapon, swapoff, acct, quotactl, settimeofday, clock_settime, adjtimex, clock_adjtime, syslog, sethostname, setdomainname,
 * add_key, request_key, keyctl, iopl, ioperm, modify_ldt, vmsplice, move_pages.
 */
const HARMFUL: Readonly<Record<string, readonly number[]>> = {
  x64: [
    101, 310, 311, 438, 312, 298, 321, 323, 41, 53, 42, 49, 50, 43, 288, 44, 46, 165, 166, 155, 161, 272, 308, 430, 432,
    429, 428, 442, 304, 175, 313, 176, 246, 320, 169, 167, 168, 163, 179, 164, 227, 159, 305, 103, 170, 171, 248, 249,
    250, 172, 173, 154, 278, 279,
  ],
  arm64: [
    117, 270, 271, 438, 272, 241, 280, 282, 198, 199, 203, 200, 201, 202, 242, 206, 211, 40, 39, 41, 51, 97, 268, 430,
    432, 429, 428, 442, 265, 105, 273, 106, 104, 294, 142, 224, 225, 89, 60, 170, 112, 171, 266, 116, 161, 162, 217,
    218, 219, 75, 239,
  ],
};

/** For all threads of the kernel process, and what it starts. */
export function kernelFilter(): Instruction[] {
  const special = (HARMFUL[process.arch] ?? []).map((number) => ({ number, action: ACTION.eperm }));
  return assemble([], special, ACTION.allow);
}

/**
 * For the thread that starts partitions, and so for them from birth: no io_uring. libuv makes a ring in every loop, whatever
 * the environment says, and a ring made before a partition's own filter stands passes it by.
 */
export function noIoUring(): Instruction[] {
  return assemble([], [{ number: callNumber('io_uring_setup'), action: ACTION.enosys }], ACTION.allow);
}
