// The memory form of a partition's link to the kernel: call page and rings are mapped, and any thread makes its own view of
// them from the address.
import { Socket } from 'node:net';
import { CALL_PAGE_BYTES, CALL_PAGE_FD, W_DOORBELL } from '../../kernel/abi.ts';
import type { PartitionStart } from '../../kernel/abi.ts';
import {
  closeDescriptor,
  dieWithParent,
  exitProcess,
  futexWait,
  futexWake,
  mapMemory,
  memoryAt,
  yieldProcessor,
} from '../../kernel/hosted/linux.ts';
import { HEADER_BYTES, PROGRESS_BYTES } from '../stream.ts';
import type { RingMemory } from '../stream.ts';
import { Calls } from './calls.ts';
import type { CallPage } from './calls.ts';
import type { MainLink, WriteAt } from './partition.ts';

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
    yield: yieldProcessor,
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

/** Maps a file and closes its descriptor: so nothing but its bytes can be changed. */
export function mapFile(descriptor: number, bytes: number): WriteAt {
  const view = new Uint8Array(memoryAt(mapMemory(descriptor, bytes, 'write'), bytes));
  closeDescriptor(descriptor);
  return (at, data) => view.set(data, at);
}

/** Takes over call page, streams and wake pipe. */
export function openMemoryLink(start: PartitionStart): MainLink {
  if (!dieWithParent(start.parent)) exitProcess(1);
  const pageAddress = mapMemory(CALL_PAGE_FD, CALL_PAGE_BYTES, 'write');
  closeDescriptor(CALL_PAGE_FD);
  const mapped = start.streams.map(({ direction, bytes, data, progress }): MappedRing => {
    const out = direction === 'out';
    const ring = {
      data: mapMemory(data!, HEADER_BYTES + bytes, out ? 'write' : 'read'),
      progress: mapMemory(progress!, PROGRESS_BYTES, out ? 'read' : 'write'),
    };
    closeDescriptor(data!);
    closeDescriptor(progress!);
    return ring;
  });
  const page = callPageAt(pageAddress);
  return {
    shared: { start, transport: 'memory', page: pageAddress, rings: mapped },
    page,
    rings: mapped.map((ring, i) => ringAt(ring, start.streams[i].bytes)),
    hello: (text) => {
      new Calls(page).hello(text); // sleeps: nothing can happen before the answer
      return Promise.resolve();
    },
    listen: (woken) => {
      const wakePipe = new Socket({
        fd: start.wakePipe!,
        readable: true,
        writable: false,
        // A fixed buffer: the bytes say nothing but that there are some.
        onread: {
          buffer: new Uint8Array(64),
          callback: () => {
            woken();
            return true;
          },
        },
      });
      wakePipe.on('end', () => page.leave(1)); // the kernel is dead
    },
  };
}
