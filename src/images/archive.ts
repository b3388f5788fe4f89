// A Debian archive as the image recipes see it: one suite, packages for riscv64, everything checked before it is handed out.

import { createHash } from 'node:crypto';
import type { PackageRecord } from './deb822.ts';
import { ImageError } from './error.ts';

/** How far a step is. `total` is 0 while it is not known. */
export interface Progress {
  readonly step: string;
  readonly bytes: number;
  readonly total: number;
}

/** Told while a fetch goes on. */
export interface Watcher {
  progress(now: Progress): void;
  /** Something that the user should know, though the fetch goes on. */
  warning(sentence: string): void;
}

export interface Archive {
  readonly suite: string;
  /** Where it comes from, as the user would name it. */
  readonly mirror: string;
  /** Who checked the signature of its index, with what: a sentence without a full stop. */
  readonly checkedBy: string;
  /** The newest package of this name; undefined when there is none. */
  find(name: string): Promise<PackageRecord | undefined>;
  /** The `.deb`, its hash checked against the signed index. Throws ImageError. */
  download(record: PackageRecord): Promise<Uint8Array>;
  /** Removes what it put on the disk. */
  close(): Promise<void>;
}

/** As `find`, but throws when there is none. */
export async function need(archive: Archive, name: string): Promise<PackageRecord> {
  const record = await archive.find(name);
  if (record) return record;
  throw new ImageError(
    'no-package',
    `Debian ${archive.suite} has no package ${name} for riscv64.`,
    'Try another suite.',
  );
}

/** Throws ImageError 'hash' unless these are exactly the bytes that the index names. */
export function checkPackage(record: PackageRecord, deb: Uint8Array): Uint8Array {
  const sha256 = createHash('sha256').update(deb).digest('hex');
  if (deb.length === record.bytes && sha256 === record.sha256) return deb;
  throw new ImageError(
    'hash',
    `${record.filename} is not the file that the signed index names (${deb.length} bytes, SHA-256 ${sha256}).`,
    'The mirror is being updated, or the file was changed on its way: try again later or name another mirror.',
  );
}

/**
 * The package that holds the kernel. `linux-image-riscv64` depends on the newest `linux-image-VERSION`, which holds the
 * kernel itself or, from Linux 7.2 on, depends on a `linux-binary-VERSION` that does.
 */
export async function findKernelPackage(archive: Archive): Promise<PackageRecord> {
  let record = await need(archive, 'linux-image-riscv64');
  for (let depth = 0; depth < 4; depth++) {
    const next =
      record.depends.find((name) => name.startsWith('linux-binary-')) ??
      record.depends.find((name) => name.startsWith('linux-image-'));
    if (next === undefined) break;
    record = await need(archive, next);
  }
  return record;
}
