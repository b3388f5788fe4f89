// An audit log (src/kernel/hosted/audit-log.ts), checked: each line holds the hash of the one before it.
import { createHash } from 'node:crypto';

export interface AuditHead {
  readonly records: number;
  /** SHA-256 of the last line. */
  readonly head: string;
}

export type Verdict =
  | ({ readonly isWhole: true } & AuditHead)
  /** `line` counts from 1. */
  | { readonly isWhole: false; readonly line: number; readonly why: string };

const hashOf = (line: string): string => createHash('sha256').update(line).digest('hex');

interface Record_ {
  readonly n?: unknown;
  readonly event?: unknown;
  readonly previous?: unknown;
}

/**
 * `kept`: what was known of the log elsewhere at some time; then it must still begin with that. Without it, a log that was
 * written anew from some line on looks whole.
 */
export function verifyAudit(text: string, kept?: AuditHead): Verdict {
  const lines = text.split('\n');
  const rest = lines.pop();
  const broken = (line: number, why: string): Verdict => ({ isWhole: false, line, why });
  let head = '0'.repeat(64);
  let last: Record_ = {};
  for (const [i, line] of lines.entries()) {
    let record: Record_;
    try {
      record = JSON.parse(line) as Record_;
    } catch {
      return broken(i + 1, 'it is not a record: it was changed');
    }
    if (record === null || typeof record !== 'object') return broken(i + 1, 'it is not a record: it was changed');
    if (record.previous !== head) {
      return record.n === i
        ? broken(i, `it was changed: line ${i + 1} holds the hash of another one`)
        : broken(
            i + 1,
            typeof record.n === 'number' && record.n > i
              ? `${record.n - i} records before it are missing`
              : 'it was put in',
          );
    }
    if (record.n !== i) return broken(i + 1, `it says that it is record ${String(record.n)}, and is ${i}`);
    head = hashOf(line);
    last = record;
    if (kept !== undefined && kept.records === i + 1 && kept.head !== head) {
      return broken(i + 1, 'it is not the record that was kept: it, or one before it, was written anew');
    }
  }
  const end = lines.length + 1;
  if (rest !== '') return broken(end, 'it is cut off');
  if (kept !== undefined && kept.records > lines.length) {
    return broken(end, `${kept.records - lines.length} records from here on are missing`);
  }
  if (lines.length === 0) return broken(1, 'the log is empty');
  if (last.event !== 'ended')
    return broken(end, 'the record of the end is missing: the log is cut off, or the system runs, or was killed');
  return { isWhole: true, records: lines.length, head };
}
