// The boot ROM's content: where every hart begins when M-mode software boots, as QEMU's `virt` has it. It passes
// a0 = hart id, a1 = device tree, a2 = OpenSBI's dynamic information, and jumps to the firmware.

import { ROM_WORDS, VIRT } from './virt.ts';

const AUIPC_T0 = 0x0000_0297;
const ADDI_A2_T0_40 = 0x0282_8613;
const CSRR_A0_MHARTID = 0xf140_2573;
const LD_A1_32_T0 = 0x0202_b583;
const LD_T0_24_T0 = 0x0182_b283;
const JR_T0 = 0x0002_8067;

/** fw_dynamic.h of OpenSBI: magic "OSBI", version 2 (with boot_hart). */
const DYNAMIC_MAGIC = 0x4942_534f;
const DYNAMIC_VERSION = 2;
const NEXT_MODE_S = 1;

/** Where the dynamic information lies (a2). */
export const DYNAMIC_INFORMATION = VIRT.rom.base + 40;

/** Two words of a 64-bit value. */
function pair(value: number): [number, number] {
  return [value | 0, Math.floor(value / 0x1_0000_0000)];
}

/** Fills the ROM. `next` is where the firmware is to continue in S-mode (the kernel); addresses are physical. */
export function writeResetVector(rom: Int32Array, firmware: number, tree: number, next: number): void {
  const options = 0;
  const bootHart = 0;
  const words = [
    AUIPC_T0,
    ADDI_A2_T0_40,
    CSRR_A0_MHARTID,
    LD_A1_32_T0,
    LD_T0_24_T0,
    JR_T0,
    ...pair(firmware),
    ...pair(tree),
    ...pair(DYNAMIC_MAGIC),
    ...pair(DYNAMIC_VERSION),
    ...pair(next),
    ...pair(NEXT_MODE_S),
    ...pair(options),
    ...pair(bootHart),
  ];
  rom.fill(0, 0, ROM_WORDS);
  rom.set(words);
}
