// ACLINT: MSWI and MTIMER at the places of the SiFive CLINT (RISC-V ACLINT specification 1.0-rc4, chapters 2 and 3).
//
// Language subset of device models (docs/design/seams.md). The caller puts the time into the state before each access
// (A_TIME_LOW, A_TIME_HIGH) and copies A_MSIP and A_MTIP to the harts after it.
//
// An 8-byte access arrives as two of 4 bytes, low word first. A read of mtime's low word therefore latches the high
// word for the hart's next access, so that both come from one moment.

export const MAX_HARTS = 8;

// ---- registers: offset from the device's base
/** MSWI: 4 bytes a hart, bit 0 counts. */
export const ACLINT_MSIP = 0;
/** MTIMER: 8 bytes a hart. */
export const ACLINT_MTIMECMP = 0x4000;
export const ACLINT_MTIME = 0xbff8;
export const ACLINT_BYTES = 0x1_0000;

// ---- state words
const A_HARTS = 0;
/** Input: mtime in ticks of 100 ns, 64 bits. Guests cannot write it: it is the time that `rdtime` shows. */
export const A_TIME_LOW = 1;
export const A_TIME_HIGH = 2;
const A_LATCHED = 8;
const A_LATCH = A_LATCHED + MAX_HARTS;
/** Output: machine software interrupt of each hart. */
export const A_MSIP = A_LATCH + MAX_HARTS;
export const A_CMP_LOW = A_MSIP + MAX_HARTS;
export const A_CMP_HIGH = A_CMP_LOW + MAX_HARTS;
/** Output: machine timer interrupt of each hart. */
export const A_MTIP = A_CMP_HIGH + MAX_HARTS;
export const ACLINT_WORDS = A_MTIP + MAX_HARTS;

const SIGN = 1 << 31;

export function aclintReset(s: Int32Array, harts: number): void {
  for (let i = 0; i < ACLINT_WORDS; i++) s[i] = 0;
  s[A_HARTS] = harts;
  // The specification leaves mtimecmp undefined at reset; "never" keeps the timer quiet until it is programmed.
  for (let hart = 0; hart < MAX_HARTS; hart++) {
    s[A_CMP_LOW + hart] = -1;
    s[A_CMP_HIGH + hart] = -1;
  }
}

/** Derives MTIP of every hart: mtime >= mtimecmp, unsigned 64 bits (specification 2.1). */
export function aclintUpdate(s: Int32Array): void {
  const high = s[A_TIME_HIGH] ^ SIGN;
  const low = s[A_TIME_LOW] ^ SIGN;
  for (let hart = 0; hart < s[A_HARTS]; hart++) {
    const cmpHigh = s[A_CMP_HIGH + hart] ^ SIGN;
    const due = high > cmpHigh || (high === cmpHigh && low >= (s[A_CMP_LOW + hart] ^ SIGN));
    s[A_MTIP + hart] = due ? 1 : 0;
  }
}

/** 4-byte read by `hart` at a multiple of 4; reserved places read 0. */
export function aclintRead(s: Int32Array, hart: number, offset: number): number {
  const latched = s[A_LATCHED + hart];
  s[A_LATCHED + hart] = 0;
  if (offset === ACLINT_MTIME) {
    s[A_LATCHED + hart] = 1;
    s[A_LATCH + hart] = s[A_TIME_HIGH];
    return s[A_TIME_LOW];
  }
  if (offset === ACLINT_MTIME + 4) return latched !== 0 ? s[A_LATCH + hart] : s[A_TIME_HIGH];
  if (offset >= ACLINT_MTIMECMP && offset < ACLINT_MTIMECMP + 8 * s[A_HARTS]) {
    const target = (offset - ACLINT_MTIMECMP) >> 3;
    return (offset & 4) !== 0 ? s[A_CMP_HIGH + target] : s[A_CMP_LOW + target];
  }
  if (offset >= ACLINT_MSIP && offset < ACLINT_MSIP + 4 * s[A_HARTS]) return s[A_MSIP + (offset >> 2)];
  return 0;
}

/** 4-byte write by `hart` at a multiple of 4; reserved places ignore it. */
export function aclintWrite(s: Int32Array, hart: number, offset: number, value: number): void {
  s[A_LATCHED + hart] = 0;
  if (offset >= ACLINT_MTIMECMP && offset < ACLINT_MTIMECMP + 8 * s[A_HARTS]) {
    const target = (offset - ACLINT_MTIMECMP) >> 3;
    if ((offset & 4) !== 0) s[A_CMP_HIGH + target] = value;
    else s[A_CMP_LOW + target] = value;
    aclintUpdate(s);
  } else if (offset >= ACLINT_MSIP && offset < ACLINT_MSIP + 4 * s[A_HARTS]) {
    s[A_MSIP + (offset >> 2)] = value & 1;
  }
}
