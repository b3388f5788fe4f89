// SiFive test finisher (`sifive,test0`, `sifive,test1`; also a `syscon` for power-off and reboot): one register.
//
// Language subset of device models (docs/design/seams.md). The caller acts on F_REQUEST after each write.

// ---- the register, offset 0: bits 15..0 command, bits 31..16 status of a failure
export const FINISHER_FAIL = 0x3333;
export const FINISHER_PASS = 0x5555;
export const FINISHER_RESET = 0x7777;
export const FINISHER_BYTES = 0x1000;

// ---- state words
/** Output: REQUEST_NONE, or what the guest asked for first. */
export const F_REQUEST = 0;
/** Output: exit status of a power-off: 0 pass, 1..255 failure. */
export const F_STATUS = 1;
export const FINISHER_WORDS = 4;

export const REQUEST_NONE = 0;
export const REQUEST_POWER_OFF = 1;
export const REQUEST_RESET = 2;

export function finisherReset(s: Int32Array): void {
  for (let i = 0; i < FINISHER_WORDS; i++) s[i] = 0;
}

/** Reads 0 everywhere. */
export function finisherRead(_s: Int32Array, _offset: number): number {
  return 0;
}

/** A 2- or 4-byte write at offset 0; other commands and places are ignored. */
export function finisherWrite(s: Int32Array, offset: number, value: number): void {
  if (offset !== 0 || s[F_REQUEST] !== REQUEST_NONE) return;
  const command = value & 0xffff;
  if (command === FINISHER_PASS) s[F_REQUEST] = REQUEST_POWER_OFF;
  else if (command === FINISHER_RESET) s[F_REQUEST] = REQUEST_RESET;
  else if (command === FINISHER_FAIL) {
    s[F_REQUEST] = REQUEST_POWER_OFF;
    s[F_STATUS] = failureStatus((value >> 16) & 0xffff);
  }
}

/** A failure stays one: an exit status has eight bits. `code` >= 0. */
export function failureStatus(code: number): number {
  if (code <= 0) return 1;
  return code > 255 ? 255 : code;
}
