// Solvers. Z3 from npm (WebAssembly) works everywhere; native z3 and cvc5 are used when asked for. Only the exact answer
// `unsat` proves anything.
import { spawnSync } from 'node:child_process';
import { init } from 'z3-solver';
import { smtLib } from './smt.ts';
import type { Term } from './term.ts';

export type SolverName = 'wasm' | 'z3' | 'cvc5';
export interface Answer {
  /** 'unknown': no answer in time, or none that we understand. */
  readonly verdict: 'unsat' | 'sat' | 'unknown';
  /** Values of the terms asked for, if 'sat'. */
  readonly values: readonly number[];
  readonly milliseconds: number;
}
/** `seconds`: other than usual. */
export type Solve = (assertions: readonly Term[], asked?: readonly Term[], seconds?: number) => Promise<Answer>;

/** `ask_3 -> #x0000000a` of Z3's models, `(define-fun ask_3 () (_ BitVec 32) #b...)` of get-model. */
function valuesOf(model: string, count: number): number[] {
  const values = Array.from({ length: count }, () => 0);
  for (const [, index, digits] of model.matchAll(/\bask_(\d+)\b[^#]*#(x[0-9a-f]{8}|b[01]{32})/g)) {
    values[Number(index)] = Number(`0${digits}`) | 0;
  }
  return values;
}

/** The answer is the first line, and only the exact words count. */
export function verdictOf(output: string): Answer['verdict'] {
  const [first] = output.split('\n', 1);
  return first === 'unsat' || first === 'sat' ? first : 'unknown';
}

// Z3's own choice of tactics for this logic is ten times slower than its plain SMT core.
const CHECK = { z3: '(check-sat-using smt)', cvc5: '(check-sat)' };
const COMMANDS = { z3: 'z3 -smt2 -in', cvc5: 'cvc5 --lang=smt2 -q' };
function native(name: 'z3' | 'cvc5', usual: number): Solve {
  return async (assertions, asked = [], seconds = usual) => {
    const from = performance.now();
    const model = asked.length > 0;
    const text = [
      ...(model ? ['(set-option :produce-models true)'] : []),
      '(set-logic QF_UFBV)',
      smtLib(assertions, asked),
      CHECK[name],
      ...(model ? ['(get-model)'] : []),
      '',
    ].join('\n');
    // Seconds of the processor: on a busy machine nothing is proved by the clock on the wall.
    const limited = `ulimit -t ${Math.ceil(seconds)}; exec ${COMMANDS[name]}`;
    const { stdout, error } = spawnSync('sh', ['-c', limited], { input: text, encoding: 'utf8', maxBuffer: 1 << 28 });
    // A solver that gives up before it has read all is no worse than one that gives up later.
    if (error !== undefined && !('code' in error && error.code === 'EPIPE')) throw error;
    return {
      verdict: verdictOf(stdout),
      values: valuesOf(stdout, asked.length),
      milliseconds: performance.now() - from,
    };
  };
}

/** One question at a time: Z3's threads do not like company. */
async function wasm(usual: number): Promise<Solve> {
  const { Z3 } = await init();
  return async (assertions, asked = [], seconds = usual) => {
    const from = performance.now();
    const configuration = Z3.mk_config();
    // Seconds of the clock on the wall: unlike a process of its own, it has no clock of its own.
    Z3.set_param_value(configuration, 'timeout', String(seconds * 1000));
    const context = Z3.mk_context(configuration);
    Z3.del_config(configuration);
    // The plain SMT core: for these questions ten times faster than Z3's own choice of tactics.
    const solver = Z3.mk_simple_solver(context);
    Z3.solver_inc_ref(context, solver);
    // Never eval_smtlib2_string: it parses on another thread while its own caller releases the text.
    Z3.solver_from_string(context, solver, smtLib(assertions, asked));
    const result: number = await Z3.solver_check(context, solver);
    const verdict = result === -1 ? 'unsat' : result === 1 ? 'sat' : 'unknown';
    const model =
      verdict === 'sat' && asked.length > 0 ? Z3.model_to_string(context, Z3.solver_get_model(context, solver)) : '';
    Z3.solver_dec_ref(context, solver);
    Z3.del_context(context);
    return { verdict, values: valuesOf(model, asked.length), milliseconds: performance.now() - from };
  };
}

/** Native Z3, if there is one. */
export function quickest(): SolverName {
  return spawnSync('z3', ['--version']).status === 0 ? 'z3' : 'wasm';
}

/** `seconds`: for one question. After 'wasm' the process needs process.exit: its threads never end. */
export async function solver(name: SolverName, seconds: number): Promise<Solve> {
  return name === 'wasm' ? await wasm(seconds) : native(name, seconds);
}
