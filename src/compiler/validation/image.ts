// What there is to validate of a system's image: the kernel's compiled functions, and the stubs.
import { Assembler } from '../assemble.ts';
import { compileInto } from '../compile.ts';
import type { Compilation } from '../compile.ts';
import { RAM } from '../image.ts';
import { KERNEL_ROOTS, STACK_BYTES, buildSystem } from '../system-image.ts';
import { decodedAt, validateStubs } from './stubs.ts';
import { Validation } from './validate.ts';
import type { SourceFile } from '../../proof/language.ts';
import type { SystemImage } from '../system-image.ts';

const FRAME = 4096;

export interface OpenImage {
  readonly validation: Validation;
  /** Throws Refused. Returns the addresses of the stubs' instructions. */
  readonly stubs: () => Set<number>;
  /** Data between the code and the state: address and bytes by name. */
  readonly memoryBytes: number;
}
/** The kernel of an image, made of these files. Throws Refused when its layout is wrong. */
export function openImage(
  files: readonly SourceFile[],
  image: Pick<SystemImage, 'flat' | 'symbols' | 'sizes'>,
  compilation: Compilation = compileInto(new Assembler(), files, { roots: KERNEL_ROOTS }),
): OpenImage {
  const stateBytes = compilation.layout.size;
  const memoryBytes = Math.ceil((stateBytes + STACK_BYTES) / FRAME) * FRAME;
  const state = image.symbols.get('state') ?? 0;
  const symbols = new Map([...image.symbols, ['kernelEnd', state + memoryBytes]]);
  const codeEnd = RAM + image.sizes.kernel;
  const linked = { base: RAM, bytes: image.flat, symbols, lines: [], codeEnd };
  const at = decodedAt(image.flat, RAM);
  return {
    validation: new Validation(compilation, linked),
    stubs: () => validateStubs({ base: RAM, codeEnd, symbols, at, stateBytes, memoryBytes }),
    memoryBytes,
  };
}

/** An image of the kernel with one program that does nothing: its stubs and functions are those of every image. */
export function smallestImage(files: readonly SourceFile[]): SystemImage {
  const nothing = { name: 'nothing', files: [], dataBytes: FRAME, devices: [], assembled: () => new Uint8Array(8) };
  return buildSystem(files, Int32Array.of(0), [nothing]);
}
