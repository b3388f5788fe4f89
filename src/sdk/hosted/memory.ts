// The memory form of a partition's link to the kernel: call page and rings are mapped, and any thread makes its own view of
// them from the address.
import { CALL_PAGE_BYTES } from '../../kernel/abi.ts';
import { exitProcess, futexWait, futexWake, memoryAt } from '../../kernel/hosted/linux.ts';
import { HEADER_BYTES, PROGRESS_BYTES } from '../stream.ts';
import type { RingMemory } from '../stream.ts';
import type { CallPage } from './calls.ts';
import { W_DOORBELL } from '../../kernel/abi.ts';

export interface MappedRing {
  readonly data: bigint;
  readonly progress: bigint;
}

const ALL = 0x7fffffff;

export function callPageAt(address: bigint): CallPage {
  const words = new Int32Array(memoryAt(address, CALL_PAGE_BYTES));
  // Addresses of all words, so that none is computed (a BigInt) when one is needed.
  const addresses = Array.from(words, (_, word) => address + BigInt(word * 4));
  return {
    words,
    wait: (word, value) => void futexWait(addresses[word], value),
    wake: (word) => void futexWake(addresses[word], ALL),
    ring: () => void futexWake(addresses[W_DOORBELL], 1),
    leave: exitProcess,
  };
}

export function ringAt(ring: MappedRing, bytes: number): RingMemory {
  const data = memoryAt(ring.data, HEADER_BYTES + bytes);
  return {
    header: new Int32Array(data, 0, HEADER_BYTES / 4),
    data: new Uint8Array(data, HEADER_BYTES, bytes),
    progress: new Int32Array(memoryAt(ring.progress, PROGRESS_BYTES)),
  };
}
