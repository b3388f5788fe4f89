/**
 * The host's fused multiply-add of binary64. WebAssembly offers it only as `f64x2.relaxed_madd` (relaxed SIMD), which
 * rounds once or twice as suits the host, always the same way on one host.
 */
import { encodeModule } from '../wasm/encoder.ts';
import type { CompiledFunction, Signature } from '../wasm/language.ts';

/** local.get, f64x2.splat */
const lane = (parameter: number): number[] => [0x20, parameter, 0xfd, 0x14];
const RELAXED_MADD = [0xfd, 0x87, 0x02];
const EXTRACT_LANE_0 = [0xfd, 0x21, 0];

/** A function body `f64_madd(a:f64, b:f64, c:f64):f64` for a module of functions compiled from text. */
export const multiplyAddBody: CompiledFunction = {
  name: 'f64_madd',
  parameters: ['f64', 'f64', 'f64'],
  result: 'f64',
  locals: [],
  code: Uint8Array.from([...lane(0), ...lane(1), ...lane(2), ...RELAXED_MADD, ...EXTRACT_LANE_0]),
};

/** How text calls the body if it is the module's function number `index`. */
export const multiplyAddSignature = (index: number): Signature => ({
  index,
  parameters: multiplyAddBody.parameters,
  result: multiplyAddBody.result,
});

/** Whether the host knows the instruction and rounds once. */
export function hostFuses(): boolean {
  const bytes = encodeModule({
    memoryPages: 1,
    imports: [],
    functions: [multiplyAddBody],
    exports: [{ name: 'madd', index: 0 }],
  });
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  let exports: WebAssembly.Instance['exports'];
  try {
    ({ exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } }));
  } catch {
    return false; // no relaxed SIMD
  }
  const madd = exports.madd as (a: number, b: number, c: number) => number;
  // x * x = 1 + 2^-29 + 2^-60, of which a rounded product has lost the end
  const x = 1 + 2 ** -30;
  return madd(x, x, -1 - 2 ** -29) === 2 ** -60;
}
