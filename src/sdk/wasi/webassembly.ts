// What is used here of the WebAssembly JavaScript interface and of JavaScript Promise Integration; the library of types has less.

export interface Memory {
  readonly buffer: ArrayBuffer;
}
declare const compiled: unique symbol;
export interface Module {
  readonly [compiled]: true;
}
export type Export = ((...given: never[]) => unknown) | Memory | object;

interface Interface {
  compile(bytes: Uint8Array<ArrayBuffer>): Promise<Module>;
  instantiate(
    module: Module,
    imports: Record<string, Record<string, unknown>>,
  ): Promise<{ readonly exports: Readonly<Record<string, Export | undefined>> }>;
  readonly Module: {
    imports(module: Module): { readonly module: string; readonly name: string; readonly kind: string }[];
  };
  readonly Memory: new (type: { readonly initial: number }) => Memory;
  /** An import that suspends the program while the promise that it returns is not settled. */
  readonly Suspending: new (work: (...given: never[]) => number | Promise<number>) => object;
  /** An export that gives a promise, so that the program may be suspended in it. */
  promising(work: (...given: never[]) => unknown): () => Promise<unknown>;
}

export const { compile, instantiate, Module, Memory, Suspending, promising } = (
  globalThis as unknown as { readonly WebAssembly: Interface }
).WebAssembly;
