// What the engine uses of the WebAssembly JavaScript interface: TypeScript has it only in its DOM library, which would
// also declare a browser's globals everywhere.
declare namespace WebAssembly {
  type ImportValue = ((...values: never[]) => number | bigint | undefined | void) | Memory | Table;
  interface Module {
    readonly [Symbol.toStringTag]: string;
  }
  const Module: new (bytes: Uint8Array<ArrayBuffer> | ArrayBuffer) => Module;
  class Instance {
    constructor(module: Module, imports: Readonly<Record<string, Readonly<Record<string, ImportValue>>>>);
    readonly exports: Readonly<Record<string, unknown>>;
  }
  class Memory {
    constructor(descriptor: { initial: number; maximum: number; shared: true });
    readonly buffer: SharedArrayBuffer;
  }
  class Table {
    constructor(descriptor: { element: 'anyfunc'; initial: number });
    set(index: number, value: unknown): void;
  }
  class RuntimeError extends Error {}
}
