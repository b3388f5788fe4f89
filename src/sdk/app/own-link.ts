// The link of the application in whose realm this module runs. The realm's loader (realm.ts) puts a module with the powers of
// that application in the place of `powers.ts`; anywhere else there are none.
import { OUT_HEAD } from '../../kernel/abi.ts';
import type { Answer, Facts, KernelLink } from '../link.ts';
import { powers } from './powers.ts';
import { ChannelError } from './kernel.ts';

/**
 * What lies on the other side belongs to the host's realm: through any object or error of it this realm's code could reach
 * that realm's globals. So only numbers, text and copies of bytes leave this function.
 */
function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch {
    throw new ChannelError('argument', 'the host refused the operation');
  }
}
const copyOf = (bytes: Uint8Array): Uint8Array => {
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy;
};
const scratch = new Uint8Array(65536);

/** The host reads and writes bytes only here, where nothing of the application's own stands in between. */
function filled(into: Uint8Array, fill: (buffer: Uint8Array) => number): number {
  const { length } = into;
  const buffer = length <= scratch.length ? scratch.subarray(0, length) : new Uint8Array(length);
  const count = guarded(() => fill(buffer));
  if (count > 0) into.set(buffer.subarray(0, count));
  return count;
}

export function ownLink(): KernelLink {
  const facts = JSON.parse(guarded(() => powers.facts)) as Facts;
  return {
    facts,
    call(op, a0, a1, a2, message) {
      const given = message === undefined ? undefined : copyOf(message);
      let answer: Answer | undefined;
      let answered: ((answer: Answer) => void) | undefined;
      guarded(() =>
        powers.call(op, a0, a1, a2, given, (result, w0, w1, w2, bytes) => {
          const words = [w0, w1, w2, 0].slice(0, OUT_HEAD);
          answer = { result, words, message: copyOf(bytes) };
          answered?.(answer);
        }),
      );
      return answer ?? new Promise((resolve) => (answered = resolve));
    },
    onWake: (callback) => guarded(() => powers.onWake((stopping) => callback(stopping))),
    after(milliseconds, callback) {
      const timer = guarded(() => powers.after(milliseconds, () => callback()));
      return () => guarded(() => powers.callOff(timer));
    },
    deadline: (word) => guarded(() => powers.deadline(word)),
    readStream: (end, into) => filled(into, (buffer) => powers.readStream(end, buffer)),
    writeStream: (end, bytes) => guarded(() => powers.writeStream(end, copyOf(bytes))),
    roomInStream: (end) => guarded(() => powers.roomInStream(end)),
    readFile: (name, position, into) => filled(into, (buffer) => powers.readFile(name, position, buffer)),
    writeFile: (name, position, bytes) => guarded(() => powers.writeFile(name, position, copyOf(bytes))),
    fileSize: (name) => guarded(() => powers.fileSize(name)),
    random(into) {
      filled(into, (buffer) => {
        powers.random(buffer);
        return buffer.length;
      });
    },
    async crypto(json, parts) {
      return new Promise((resolve, reject) => {
        guarded(() =>
          powers.crypto(json, parts.map(copyOf), (error, answer, count, part) => {
            if (error !== '') return reject(new ChannelError('argument', error));
            const given = Array.from({ length: count }, (_, i) => copyOf(part(i)));
            return resolve({ json: answer, parts: given });
          }),
        );
      });
    },
    fail: (reason) => guarded(() => powers.fail(reason)),
  };
}
