// `virtsec/riscv` in a browser: the built engine, loaded by a page that is isolated across origins (a SharedArrayBuffer
// needs that), runs a program. Needs Debian's chromium; `apt-get install chromium`.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { stripTypeScriptTypes } from 'node:module';

const root = path.resolve(import.meta.dirname, '..');
const CHROMIUM = '/usr/bin/chromium';

// li a0, 0; li a1, 1000; loop: addi a0, a0, 1; bne a0, a1, loop; ecall
const PAGE = `<!doctype html><pre id=said></pre><script type=module>
import { Hart, Machine } from '/riscv/index.ts';
const machine = Machine.create({ harts: 1, ramBase: 0x80000000, ramBytes: 16 << 20, clock: 'instructions' });
const program = [0x00000513, 0x3e800593, 0x00150513, 0xfeb51ee3, 0x00000073];
new Uint32Array(machine.ram.buffer, machine.ram.byteOffset, program.length).set(program);
machine.reset(0, { pc: 0x80000000, mode: 'S', a0: 0, a1: 0, firmware: true });
const hart = new Hart(machine, 0, { read: () => -1, write: () => false, time: () => 0 });
const { why } = hart.run(1e6);
said.textContent = [why, hart.readRegister(10), typeof process].join(' ');
</script>`;

function serve(): Promise<{ url: string; close: () => void }> {
  const server = createServer((request, response) => {
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    const file = path.join(root, 'src', path.posix.normalize(request.url ?? '/'));
    if (request.url === '/') response.setHeader('Content-Type', 'text/html').end(PAGE);
    else if (!file.startsWith(path.join(root, 'src/riscv')) || !existsSync(file)) response.writeHead(404).end();
    else {
      response.setHeader('Content-Type', 'text/javascript');
      response.end(stripTypeScriptTypes(readFileSync(file, 'utf8')));
    }
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      resolve({ url: `http://127.0.0.1:${port}/`, close: () => server.close() });
    });
  });
}

const skip = existsSync(CHROMIUM) ? false : 'chromium is not installed';
test('the engine runs a program in Chromium', { skip, timeout: 120_000 }, async () => {
  const { url, close } = await serve();
  const profile = mkdtempSync(path.join(tmpdir(), 'virtsec-browser-'));
  try {
    const quiet = ['--disable-background-networking', '--disable-component-update', '--no-first-run', '--disable-gpu'];
    const isolated = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
    const args = ['--headless', ...quiet, ...isolated, `--user-data-dir=${profile}`, '--virtual-time-budget=10000'];
    const browser = spawn(CHROMIUM, [...args, '--dump-dom', url], { stdio: ['ignore', 'pipe', 'ignore'] });
    let page = '';
    for await (const chunk of browser.stdout) page += String(chunk);
    assert.match(page, /<pre id="said">firmware-call 1000 undefined<\/pre>/);
  } finally {
    close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
});
