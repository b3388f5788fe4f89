// `npm run fuzz -- cpu`: a campaign with its progress on the terminal.

import { runCampaign } from './campaign.ts';
import { runInEngine } from './engine.ts';
import { qemuVersion, runInQemu } from './qemu.ts';

export interface FuzzOptions {
  readonly seed: number;
  readonly programsInBatch: number;
  readonly instructions?: number;
  readonly seconds?: number;
  /** The engine translates from so many arrivals on; 0: it interprets. */
  readonly threshold?: number;
}

/** @returns how many programs differed */
export async function fuzzCpu(options: FuzzOptions): Promise<number> {
  const version = qemuVersion();
  if (version === undefined) {
    console.error('qemu-system-riscv64 is the judge of the CPU engine: install the Debian package qemu-system-misc.');
    return 1;
  }
  console.log(`seed ${options.seed}, judged by QEMU ${version}`);
  const begin = performance.now();
  const total = await runCampaign({
    ...options,
    peer: (image) => runInQemu(image),
    subject: (image) => runInEngine(image, undefined, { threshold: options.threshold ?? 0 }),
    onProgress({ instructions, programs, differences }) {
      const seconds = (performance.now() - begin) / 1000;
      const rate = (instructions / seconds / 1e6).toFixed(2);
      console.log(
        `${programs} programs, ${(instructions / 1e6).toFixed(2)} M instructions (${rate} M/s), ${differences} differences`,
      );
    },
    onDifference: (report) => console.log(`\n${report}\n`),
  });
  return total.differences;
}
