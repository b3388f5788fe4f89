// C programs for wasm32-wasi, where there is a clang that makes them.
import { spawnSync } from 'node:child_process';

const NAMES = ['clang', ...[19, 18, 17, 16, 15, 14].map((version) => `clang-${version}`)];

/** Compiles a program. A text: why it cannot be. Throws if the program is wrong. */
export function compileC(source: string, to: string): string | undefined {
  const clang = NAMES.find((name) => spawnSync(name, ['--version']).status === 0);
  if (clang === undefined) return 'no clang here: apt-get install clang lld wasi-libc libclang-rt-dev-wasm32';
  const result = spawnSync(clang, ['--target=wasm32-wasi', '-O1', '-o', to, source], { encoding: 'utf8' });
  if (result.status === 0) return undefined;
  if (/unable to find|cannot open|file not found|wasm-ld/.test(result.stderr)) {
    return `${clang} lacks wasi-libc, its run-time library or lld: ${result.stderr.split('\n')[0]}`;
  }
  throw new Error(result.stderr);
}
