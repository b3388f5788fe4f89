// Runs batch after batch of random programs on both machines until a limit.

import { buildImage, outcomeOf } from './batch.ts';
import { generate } from './generate.ts';
import { compareBatch, explain, type Run } from './judge.ts';
import { shrink } from './shrink.ts';

export interface CampaignOptions {
  /** The first program's seed; the others follow it. */
  readonly seed: number;
  readonly programsInBatch: number;
  /** Stop when so many instructions were compared, or so many seconds have passed, or after the first difference. */
  readonly instructions?: number;
  readonly seconds?: number;
  readonly peer: Run;
  readonly subject: Run;
  readonly onProgress?: (total: CampaignResult) => void;
  /** Differences are shrunk and explained here; without it they are only counted. */
  readonly onDifference?: (report: string) => void;
}

export interface CampaignResult {
  readonly instructions: number;
  readonly programs: number;
  readonly differences: number;
}

/** At most so many differences are explained: the rest are mostly the same. */
const EXPLAINED = 3;

export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { peer, subject, programsInBatch } = options;
  const end = performance.now() + (options.seconds ?? Infinity) * 1000;
  let total: CampaignResult = { instructions: 0, programs: 0, differences: 0 };
  let first = options.seed;
  while (
    total.differences === 0 &&
    total.instructions < (options.instructions ?? Infinity) &&
    performance.now() < end
  ) {
    const programs = Array.from({ length: programsInBatch }, (_, i) => generate(first + i, i === programsInBatch - 1));
    const image = buildImage(programs);
    // QEMU is a process of its own, so the two run side by side.
    let ram: [Uint8Array, Uint8Array];
    try {
      ram = await Promise.all([peer(image), subject(image)]);
    } catch (error) {
      options.onDifference?.(`the batch that begins with seed ${first} failed: ${String(error)}`);
      return { ...total, differences: total.differences + 1 };
    }
    const [expected, got] = ram;
    const { compared, instructions, verdicts } = compareBatch(programs.length, expected, got);
    total = {
      instructions: total.instructions + instructions,
      programs: total.programs + compared,
      differences: total.differences + verdicts.length,
    };
    options.onProgress?.(total);
    const explained = options.onDifference === undefined ? [] : verdicts.slice(0, EXPLAINED);
    for (const { index, difference } of explained) {
      const small = await shrink(programs[index], peer, subject);
      if (small) options.onDifference?.(explain(small.program, 0, small.difference, small.expected, small.got));
      else {
        const outcomes = ram.map((side) => outcomeOf(side, index).bytes);
        const report = explain(programs[index], index, difference, outcomes[0], outcomes[1]);
        options.onDifference?.(`only in its batch (first seed ${first}): ${report}`);
      }
    }
    // A program that hung is left out.
    first += compared < programs.length ? compared + 1 : compared;
  }
  return total;
}
