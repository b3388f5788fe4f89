// What an application's realm gets from outside: functions of numbers, text and bytes, and nothing with a life of its own.
// This is only its shape: the realm's loader puts the real ones in the place of this module.

export interface Powers {
  /** `Facts`, as JSON. */
  readonly facts: string;
  call(
    op: number,
    a0: number,
    a1: number,
    a2: number,
    message: Uint8Array | undefined,
    answered: (result: number, w0: number, w1: number, w2: number, message: Uint8Array) => void,
  ): void;
  onWake(callback: (stopping: boolean) => void): void;
  /** A number for `callOff`. */
  after(milliseconds: number, callback: () => void): number;
  callOff(timer: number): void;
  deadline(word: number): void;
  readStream(end: number, into: Uint8Array): number;
  writeStream(end: number, bytes: Uint8Array): number;
  roomInStream(end: number): number;
  readFile(name: string, position: number, into: Uint8Array): number;
  writeFile(name: string, position: number, bytes: Uint8Array): number;
  fileSize(name: string): number;
  random(into: Uint8Array): void;
  /** `error` is empty if it went well. */
  crypto(
    json: string,
    parts: readonly Uint8Array[],
    answered: (error: string, json: string, count: number, part: (index: number) => Uint8Array) => void,
  ): void;
  fail(reason: string): void;
}

const none = (): never => {
  throw new Error(
    'virtsec/sdk is for applications: start one with `virtsec run`, or in a test with virtsec/sdk/testing',
  );
};

export const powers: Powers = {
  facts: JSON.stringify({
    id: 0,
    name: 'none',
    memory: 0,
    config: {},
    ports: [],
    streams: [],
    files: [],
    tick: 1000,
    startKind: 'boot',
    modes: [],
    audits: [],
  }),
  call: none,
  onWake: () => {},
  after: none,
  callOff: none,
  deadline: () => {},
  readStream: none,
  writeStream: none,
  roomInStream: none,
  readFile: none,
  writeFile: none,
  fileSize: none,
  random: none,
  crypto: none,
  fail: none,
};
