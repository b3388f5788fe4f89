// A link's stream operations, of the ends that its partition has: the same in a process and on the test bed.
import { StreamConsumer, StreamProducer } from '../stream.ts';
import type { KernelLink } from '../link.ts';

type StreamOperations = Pick<KernelLink, 'readStream' | 'writeStream' | 'roomInStream'>;

/** `ends`: by their indexes. An end of the other direction, or none, is closed. */
export function streamOperations(ends: readonly (StreamConsumer | StreamProducer)[]): StreamOperations {
  return {
    readStream(end, into) {
      const stream = ends[end];
      if (!(stream instanceof StreamConsumer)) return -1;
      for (;;) {
        const count = stream.read(into);
        if (count > 0) return count;
        if (stream.closed) return -1;
        if (into.length === 0 || stream.waitForData()) return 0;
      }
    },
    writeStream(end, bytes) {
      const stream = ends[end];
      if (!(stream instanceof StreamProducer)) return -1;
      for (;;) {
        if (stream.closed) return -1;
        const count = stream.write(bytes);
        if (count > 0) return count;
        if (bytes.length === 0 || stream.waitForSpace()) return 0;
      }
    },
    roomInStream(end) {
      const stream = ends[end];
      if (!(stream instanceof StreamProducer) || stream.closed) return -1;
      return stream.waitForSpace() ? 0 : stream.space;
    },
  };
}
