// The powers of an application's realm, made of its link. They run in the host's realm and are given nothing but numbers, text
// and bytes.
import type { Answer, KernelLink } from '../link.ts';
import type { Powers } from './powers.ts';

export function powersOf(link: KernelLink): Powers {
  const timers = new Map<number, () => void>();
  let lastTimer = 0;
  return {
    facts: JSON.stringify(link.facts),
    call(op, a0, a1, a2, message, answered) {
      const give = ({ result, words, message: bytes }: Answer): void =>
        answered(result, words[0] ?? 0, words[1] ?? 0, words[2] ?? 0, bytes);
      const answer = link.call(op | 0, a0 | 0, a1 | 0, a2 | 0, message);
      if (answer instanceof Promise) void answer.then(give);
      else give(answer);
    },
    onWake: (callback) => link.onWake(callback),
    after(milliseconds, callback) {
      const timer = ++lastTimer;
      const callOff = link.after(milliseconds, () => {
        timers.delete(timer);
        callback();
      });
      timers.set(timer, callOff);
      return timer;
    },
    callOff(timer) {
      timers.get(timer)?.();
      timers.delete(timer);
    },
    deadline: (word) => link.deadline(word | 0),
    readStream: (end, into) => link.readStream(end, into),
    writeStream: (end, bytes) => link.writeStream(end, bytes),
    roomInStream: (end) => link.roomInStream(end),
    readFile: (name, position, into) => link.readFile(name, position, into),
    writeFile: (name, position, bytes) => link.writeFile(name, position, bytes),
    fileSize: (name) => link.fileSize(name),
    random: (into) => link.random(into),
    crypto(json, parts, answered) {
      link.crypto(json, parts).then(
        (answer) => answered('', answer.json, answer.parts.length, (i) => answer.parts[i]),
        (error: unknown) =>
          answered((error instanceof Error && error.message) || 'it failed', '', 0, () => new Uint8Array()),
      );
    },
    fail: (reason) => link.fail(reason),
  };
}
