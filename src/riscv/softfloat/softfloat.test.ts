import assert from 'node:assert/strict';
import test from 'node:test';
import { encodeModule } from '../wasm/encoder.ts';
import { compile } from '../wasm/language.ts';
import { type Case, cornerOperands, expectations, Random } from './cases.ts';
import { reference } from './reference.ts';
import { raiseFlags, softFloat } from './source.ts';

type Functions = Record<string, (...operands: (bigint | number)[]) => bigint>;

/** Compiles the operations; fflags is word 0. */
function instantiate(text: string): { functions: Functions; fflags: Int32Array } {
  const { functions } = compile([{ file: 'softfloat', text }], { FFLAGS: 0 }, new Map());
  const bytes = encodeModule({
    memoryPages: 1,
    imports: [],
    functions,
    exports: functions.map(({ name }, index) => ({ name, index })),
  });
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  return { functions: exports as Functions, fflags: new Int32Array(memory.buffer) };
}

type Instance = ReturnType<typeof instantiate>;

/** Whether the instance agrees with the reference in result and flags. */
function agrees({ functions, fflags }: Instance, { name, operands, rm, expected }: Case): boolean {
  fflags[0] = 0;
  const function_ = functions[name];
  const bits = reference[name].rounds ? function_(...operands, rm) : function_(...operands);
  return BigInt.asUintN(64, bits) === expected.bits && fflags[0] === expected.flags;
}

function describe({ functions, fflags }: Instance, { name, operands, rm, expected }: Case): string {
  fflags[0] = 0;
  const bits = BigInt.asUintN(64, functions[name](...operands, ...(reference[name].rounds ? [rm] : [])));
  const hex = (value: bigint) => `0x${value.toString(16)}`;
  return (
    `${name}(${operands.map(hex).join(', ')}) in mode ${rm}: ` +
    `${hex(bits)} with flags ${fflags[0]}, expected ${hex(expected.bits)} with flags ${expected.flags}`
  );
}

const SEED = 1;

/** Corner cases (of three operands, each 501st tuple) and random ones. */
function* operandsFor(name: string, random: Random): Generator<bigint[]> {
  yield* cornerOperands(name, 501);
  const { domain, operands } = reference[name];
  for (let k = 0; k < 3000; k++) yield random.operands(domain, operands);
}

void test('results and flags are those of exact arithmetic rounded once', () => {
  const instance = instantiate(raiseFlags + softFloat);
  const random = new Random(SEED);
  for (const name of Object.keys(reference))
    for (const operands of operandsFor(name, random))
      for (const case_ of expectations(name, operands))
        if (!agrees(instance, case_)) assert.fail(describe(instance, case_));
});
