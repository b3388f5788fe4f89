// Host-target interface of self-checking test programs (riscv-isa-sim's fesvr): a 64-bit word `tohost` that the program
// writes, and `fromhost` that the host answers in. Bits 63..56 device, 55..48 command, 47..0 payload.
//
// Language subset of device models (docs/design/seams.md). Polled: htifPoll() with the machine's lock held.

import { failureStatus } from '../devices/finisher.ts';
import { uartSend, uartSendRoom, uartTakeHeld } from '../devices/ns16550a.ts';
import { ramByte, ramOffset, ramWord, setRamWord } from '#guest-memory';

// ---- state words
/** RAM offset of `tohost`, and of `fromhost` or -1. */
export const H_TOHOST = 0;
export const H_FROMHOST = 1;
/** Output: exit status after HTIF_EXIT. */
export const H_STATUS = 2;
export const HTIF_WORDS = 4;

/** Nothing was asked. */
export const HTIF_SILENT = 0;
/** A request was served, or waits for the console. */
export const HTIF_SERVED = 1;
export const HTIF_EXIT = 2;

const DEVICE_SYSCALL = 0;
const DEVICE_CONSOLE = 1;
const CONSOLE_READ = 0;
const CONSOLE_WRITE = 1;

// System calls of the proxy: a block of eight 64-bit words, number first; the result replaces it.
const SYSCALL_BLOCK_BYTES = 64;
const SYS_WRITE = 64;
const SYS_EXIT = 93;
const ENOSYS = 38;
const EFAULT = 14;

/** Serves what lies in `tohost`: HTIF_EXIT when the program has ended (status in H_STATUS). */
export function htifPoll(s: Int32Array, uart: Int32Array): number {
  const at = s[H_TOHOST];
  const low = ramWord(at);
  const high = ramWord(at + 4);
  if (low === 0 && high === 0) return HTIF_SILENT;
  const device = (high >> 24) & 0xff;
  const command = (high >> 16) & 0xff;
  if (device === DEVICE_CONSOLE && command === CONSOLE_WRITE) {
    if (!uartSend(uart, low)) return HTIF_SERVED; // no room: stays in `tohost` until the next poll
    done(s, device, command, low & 0xff);
    return HTIF_SERVED;
  }
  if (device === DEVICE_CONSOLE && command === CONSOLE_READ) {
    const byte = uartTakeHeld(uart);
    if (byte < 0) return HTIF_SERVED;
    done(s, device, command, byte | 0x100);
    return HTIF_SERVED;
  }
  if (device === DEVICE_SYSCALL && command === 0) {
    // Odd: the program has ended with (payload >> 1).
    if ((low & 1) !== 0) return exit(s, (low >> 1) & 0x7fff_ffff, high & 0xffff);
    return syscall(s, uart, low, high & 0xffff);
  }
  done(s, device, command, 0);
  return HTIF_SERVED;
}

function exit(s: Int32Array, low: number, high: number): number {
  s[H_STATUS] = low === 0 && high === 0 ? 0 : failureStatus(high !== 0 ? 255 : low);
  setRamWord(s[H_TOHOST], 0);
  setRamWord(s[H_TOHOST] + 4, 0);
  return HTIF_EXIT;
}

/** Takes the command and answers it. */
function done(s: Int32Array, device: number, command: number, payload: number): void {
  setRamWord(s[H_TOHOST], 0);
  setRamWord(s[H_TOHOST] + 4, 0);
  if (s[H_FROMHOST] < 0) return;
  setRamWord(s[H_FROMHOST], payload);
  setRamWord(s[H_FROMHOST] + 4, (device << 24) | (command << 16));
}

function syscall(s: Int32Array, uart: Int32Array, low: number, high: number): number {
  const block = ramOffset(low, high, SYSCALL_BLOCK_BYTES);
  if (block < 0) {
    done(s, DEVICE_SYSCALL, 0, 1);
    return HTIF_SERVED;
  }
  const number = ramWord(block);
  if (number === SYS_EXIT) return exit(s, ramWord(block + 8) & 0x7fff_ffff, 0);
  let result = -ENOSYS;
  if (number === SYS_WRITE) {
    const bytes = ramWord(block + 24);
    const from = ramWord(block + 28) === 0 ? ramOffset(ramWord(block + 16), ramWord(block + 20), bytes) : -1;
    result = -EFAULT;
    if (from >= 0) {
      // Writes what fits, as write(2) may; none at all is tried again at the next poll.
      const room = uartSendRoom(uart);
      if (room <= 0 && bytes > 0) return HTIF_SERVED;
      result = bytes < room ? bytes : room;
      for (let i = 0; i < result; i++) uartSend(uart, ramByte(from + i));
    }
  }
  setRamWord(block, result);
  setRamWord(block + 4, result >> 31);
  done(s, DEVICE_SYSCALL, 0, 1);
  return HTIF_SERVED;
}
