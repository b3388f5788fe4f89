// Programs in C and Rust for WASI preview 1, where there are compilers that make them.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const CLANGS = ['clang', ...[19, 18, 17, 16, 15, 14].map((version) => `clang-${version}`)];
const RUSTCS = ['rustc', '/usr/bin/rustc'];
const RUST_TARGETS = ['wasm32-wasip1', 'wasm32-wasi'];

const works = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

/** Compiles a program. A text: why it cannot be. Throws if the program is wrong. */
export function compileC(source: string, to: string): string | undefined {
  const clang = CLANGS.find(works);
  if (clang === undefined) return 'no clang here: apt-get install clang lld wasi-libc libclang-rt-dev-wasm32';
  const result = spawnSync(clang, ['--target=wasm32-wasi', '-O1', '-o', to, source], { encoding: 'utf8' });
  if (result.status === 0) return undefined;
  if (/unable to find|cannot open|file not found|wasm-ld/.test(result.stderr)) {
    return `${clang} lacks wasi-libc, its run-time library or lld: ${result.stderr.split('\n')[0]}`;
  }
  throw new Error(result.stderr);
}

/** The same, of Rust. */
export function compileRust(source: string, to: string): string | undefined {
  for (const rustc of RUSTCS.filter((one) => !one.startsWith('/') || existsSync(one)).filter(works)) {
    for (const target of RUST_TARGETS) {
      const result = spawnSync(rustc, ['--target', target, '-O', '-o', to, source], { encoding: 'utf8' });
      if (result.status === 0) return undefined;
      // No such target, or nothing installed for it.
      if (!/could not find specification|can't find crate/i.test(result.stderr)) throw new Error(result.stderr);
    }
  }
  return 'no rustc with a target for WASI here: apt-get install rustc libstd-rust-dev-wasm32';
}
