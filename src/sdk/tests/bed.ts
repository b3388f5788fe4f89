// A test bed whose applications are given as text.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openTestBed } from '../testing.ts';
import type { BedOptions, TestBed } from '../testing.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * `apps`: text of each partition's main module, and under a name with a dot of another file. A partition without one is played
 * by the test.
 */
export async function bedWith(
  apps: Readonly<Record<string, string>>,
  system: { readonly partitions: Readonly<Record<string, Fields>> } & Fields,
  options: BedOptions = {},
): Promise<TestBed> {
  const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-bed-'));
  try {
    for (const [name, text] of Object.entries(apps)) {
      const file = path.join(folder, name.includes('.') ? name : `${name}.ts`);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
    const fileOf = (name: string): string => path.join(folder, `${name}.ts`);
    const partitions = Object.entries(system.partitions).map(([name, fields]) => [
      name,
      { app: fileOf(name), ...fields },
    ]);
    const doubles = Object.keys(system.partitions).filter((name) => !Object.hasOwn(apps, name));
    return await openTestBed(
      { virtsec: 1, system: 'test', ...system, partitions: Object.fromEntries(partitions) as object },
      { doubles, ...options },
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}
