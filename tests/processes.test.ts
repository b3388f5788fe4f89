// Lives and deaths of the processes (docs/design/seams.md), over shared memory and over pipes.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { whyNoFfi } from '../src/kernel/hosted/linux.ts';
import { ROOT, TestSystem, between, isAlive, partition, until } from './partitions/system.ts';

const program = (name: string) => path.join(ROOT, 'tests/partitions', `${name}.ts`);
const [ACT, ECHO, IDLE, NOISE, TERMINAL, WATCH] = ['act', 'echo', 'idle', 'noise', 'terminal', 'watch'].map(program);
const line = (from: number, to: number, bytes = 4096) => [{ name: 'line', from, to, bytes }];

/** Processes whose command line contains a text. */
function processesOf(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return pid !== process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
      } catch {
        return false;
      }
    });
}

const FORMS = [
  { form: 'memory', noFfi: false, skip: whyNoFfi() ?? false },
  { form: 'pipes', noFfi: true, skip: false },
] as const;

for (const { form, noFfi, skip } of FORMS) {
  const options = { noFfi };
  const over = (name: string) => `${name} (${form})`;

  test(over('200,000 bytes there and back through rings of 4 KiB'), { skip }, async () => {
    const config = { text: 'abcdefghi\n', times: 20_000 };
    const system = new TestSystem(
      [partition('a', 'guest', ECHO, { config }), partition('b', 'driver', ECHO, { config: { echo: true } })],
      [...line(0, 1), ...line(1, 0)].map((s, i) => ({ ...s, name: ['ping', 'pong'][i] })),
      options,
    );
    assert.equal(await system.exited, 7);
    assert.deepEqual(system.log('a'), ['all came back']);
    assert.deepEqual(system.events.at(-1), { event: 'ended', why: 'all-guests-done', status: 7 });
  });

  for (const does of ['last-words', 'worker'] as const) {
    test(over(`a guest's last bytes arrive when it ends at once: ${does}`), { skip }, async () => {
      const bytes = 30_001;
      const system = new TestSystem(
        [partition('guest', 'guest', ACT, { config: { does, bytes } }), partition('tty', 'driver', WATCH)],
        line(0, 1, 8192),
        options,
      );
      assert.equal(await system.exited, 3, JSON.stringify(system.events));
      let sum = 0;
      for (let i = 0; i < bytes; i++) sum = (sum + ((i * 7 + (i >>> 8)) & 0xff)) & 0xffff;
      assert.ok(system.log('tty').includes(`${bytes} bytes, sum ${sum}`), system.log('tty').join('; '));
    });
  }

  test(
    over('SIGKILL of a guest leaves kernel and driver alive; the driver learns it and ends the system'),
    { skip },
    async () => {
      const system = new TestSystem(
        [
          partition('guest', 'guest', IDLE),
          partition('other', 'guest', IDLE),
          partition('tty', 'driver', WATCH, { mayShutDown: true }),
        ],
        [...between('line', 0, 2), ...line(1, 2).map((s) => ({ ...s, name: 'second' }))],
        options,
      );
      const { partitions } = await system.waitFor('started');
      await system.waitFor('log', (e) => e.text === 'watching');
      process.kill(partitions[0].pid, 'SIGKILL');
      assert.deepEqual(await system.waitFor('exit'), {
        event: 'exit',
        partition: 'guest',
        by: 'signal',
        status: 137,
        signal: 'SIGKILL',
      });
      await system.waitFor('log', (e) => e.partition === 'tty' && e.text === 'peer dead');
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.deepEqual(
        [isAlive(system.pid), isAlive(partitions[1].pid), isAlive(partitions[2].pid)],
        [true, true, true],
      );
      assert.equal(system.events.filter((e) => e.event === 'ended').length, 0);
      system.kill('SIGTERM');
      assert.equal(await system.exited, 143);
    },
  );

  test(
    over('SIGKILL of the only guest: a driver that may end the system stays, and what it ends with tells of the fault'),
    { skip },
    async () => {
      const system = new TestSystem(
        [
          partition('guest', 'guest', IDLE),
          partition('tty', 'driver', WATCH, { mayShutDown: true, config: { shutDown: true } }),
        ],
        line(0, 1),
        options,
      );
      const { partitions } = await system.waitFor('started');
      await system.waitFor('log', (e) => e.text === 'watching');
      process.kill(partitions[0].pid, 'SIGKILL');
      assert.equal(await system.exited, 1);
      assert.deepEqual(system.events.at(-1), { event: 'ended', why: 'shutdown', status: 1 });
      assert.deepEqual(system.log('tty').slice(-2), ['peer dead', 'stopping']);
    },
  );

  test(over('SIGKILL of the driver leaves the guest running; the guest learns it'), { skip }, async () => {
    const system = new TestSystem(
      [partition('guest', 'guest', WATCH), partition('tty', 'driver', IDLE, { mayShutDown: true })],
      between('line', 0, 1),
      options,
    );
    const { partitions } = await system.waitFor('started');
    await system.waitFor('log', (e) => e.text === 'watching');
    process.kill(partitions[1].pid, 'SIGKILL');
    await system.waitFor('exit', (e) => e.partition === 'tty' && e.by === 'signal');
    await system.waitFor('log', (e) => e.partition === 'guest' && e.text === 'peer dead');
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual([isAlive(system.pid), isAlive(partitions[0].pid)], [true, true]);
    system.kill('SIGINT');
    assert.equal(await system.exited, 130);
    assert.deepEqual(system.events.at(-1), { event: 'ended', why: 'signal', status: 130 });
  });

  test(over('SIGKILL of the kernel process leaves nothing behind'), { skip }, async () => {
    const system = new TestSystem(
      [
        partition('guest', 'guest', IDLE),
        partition('worker', 'guest', ACT, { config: { does: 'worker', bytes: 1e9 } }),
        partition('tty', 'driver', IDLE),
      ],
      line(1, 2),
      options,
    );
    const { partitions } = await system.waitFor('started');
    assert.ok(partitions.every((p) => isAlive(p.pid)));
    system.kill('SIGKILL');
    assert.equal(await system.exited, null);
    assert.ok(
      await until(() => partitions.every((p) => !isAlive(p.pid)), 3000),
      `left: ${partitions
        .filter((p) => isAlive(p.pid))
        .map((p) => p.name)
        .join(' ')}`,
    );
  });

  test(over('SIGKILL of the kernel process during the birth leaves nothing behind'), { skip }, async () => {
    for (const ms of [60, 120, 180, 240]) {
      const name = `birth-${form}-${process.pid}-${ms}`;
      const system = new TestSystem([partition(name, 'guest', IDLE)], [], options);
      await new Promise((resolve) => setTimeout(resolve, ms));
      system.kill('SIGKILL');
      await system.exited;
      assert.ok(await until(() => processesOf(name).length === 0, 3000), `left after ${ms} ms`);
    }
  });

  test(over('the kernel process and all partitions die with their caller'), { skip }, async () => {
    const name = `orphan-${form}-${process.pid}`;
    const caller = spawn(
      process.execPath,
      [
        '--no-warnings',
        '--input-type=module',
        '-e',
        `const { TestSystem, partition } = await import(${JSON.stringify(path.join(ROOT, 'tests/partitions/system.ts'))});
         const system = new TestSystem([partition(${JSON.stringify(name)}, 'guest', ${JSON.stringify(IDLE)})], [], ${JSON.stringify(options)});
         await system.waitFor('started');
         console.log(system.pid);`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const kernel = Number(
      await new Promise<string>((resolve) => caller.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()))),
    );
    assert.ok(isAlive(kernel) && processesOf(name).length > 0);
    caller.kill('SIGKILL');
    assert.ok(await until(() => !isAlive(kernel) && processesOf(name).length === 0, 3000));
  });

  test(over('the status is that of the first guest that ends with another than 0'), { skip }, async () => {
    const system = new TestSystem(
      [0, 5].map((status, i) => partition(`g${i}`, 'guest', IDLE, { config: { status } })),
      [],
      options,
    );
    assert.equal(await system.exited, 5);
  });

  test(over('SHUTDOWN without the right ends the caller alone'), { skip }, async () => {
    const system = new TestSystem(
      [partition('guest', 'guest', IDLE), partition('evil', 'app', ACT, { config: { does: 'shut-down' } })],
      [],
      options,
    );
    const exit = await system.waitFor('exit');
    assert.deepEqual([exit.partition, exit.by], ['evil', 'illegal-call']);
    const started = await system.waitFor('started');
    assert.ok(isAlive(started.partitions[0].pid));
    system.kill('SIGTERM');
    await system.exited;
  });

  test(over('a crash is a fault: its words are logged, its status is told'), { skip }, async () => {
    const system = new TestSystem([partition('guest', 'guest', ACT, { config: { does: 'crash' } })], [], options);
    assert.equal(await system.exited, 1);
    assert.ok(
      system.log('guest').some((text) => text.includes('crashed on purpose')),
      system.log('guest').join('\n'),
    );
    const exit = await system.waitFor('exit');
    assert.equal(exit.by, 'process-exit');
    assert.deepEqual(system.events.at(-1), { event: 'ended', why: 'fault', status: 1 });
  });

  test(over('a partition that ends before HELLO keeps the system from starting'), { skip }, async () => {
    const system = new TestSystem(
      [partition('guest', 'guest', IDLE), partition('tty', 'driver', ACT, { config: { does: 'early' } })],
      [],
      options,
    );
    assert.equal(await system.exited, 70);
    assert.equal(
      system.events.some((e) => e.event === 'started'),
      false,
    );
    const refused = await system.waitFor('refused');
    assert.equal(refused.reason, 'tty ended before the system had started');
  });

  test(over('the terminal reaches the partition that has it, and no other'), { skip }, async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-terminal-'));
    const [input, output] = ['in', 'out'].map((name) => path.join(folder, name));
    writeFileSync(input, 'hello terminal\n');
    const system = new TestSystem(
      [partition('other', 'app', TERMINAL), partition('tty', 'guest', TERMINAL, { terminal: true })],
      [],
      { ...options, terminal: [openSync(input, 'r'), openSync(output, 'w')] },
    );
    assert.equal(await system.exited, 70); // `other` throws before HELLO
    assert.ok(system.log('other').some((text) => text.includes('no terminal')));
    const alone = new TestSystem([partition('tty', 'guest', TERMINAL, { terminal: true })], [], {
      ...options,
      terminal: [openSync(input, 'r'), openSync(output, 'w')],
    });
    assert.equal(await alone.exited, 0, JSON.stringify(alone.events));
    assert.equal(readFileSync(output, 'utf8'), 'HELLO TERMINAL\n');
    rmSync(folder, { recursive: true });
  });

  test(over('a death is told although a process that it has left keeps its log open'), { skip }, async () => {
    const ms = 8000;
    const system = new TestSystem([partition('guest', 'guest', ACT, { config: { does: 'heir', ms } })], [], {
      ...options,
      without: ['permission', 'no-ffi'], // or it could start none
    });
    await system.waitFor('started');
    const before = performance.now();
    assert.equal(await system.exited, 0);
    const took = performance.now() - before;
    assert.ok(took < ms / 2, `${took} ms`);
  });

  test(over('RESET is reported'), { skip }, async () => {
    const system = new TestSystem([partition('guest', 'guest', ACT, { config: { does: 'reset' } })], [], options);
    assert.equal(await system.exited, 0);
    assert.deepEqual(await system.waitFor('reset'), { event: 'reset', partition: 'guest' });
  });
}

test('a plan that is wrong is refused with its reason, and nothing is started', async () => {
  const system = new TestSystem([partition('guest', 'guest', IDLE, { harts: 9 })], []);
  assert.equal(await system.exited, 2);
  assert.deepEqual(system.events, [
    { event: 'refused', reason: 'plan.partitions[0].harts: not in 1..8' },
    { event: 'ended', why: 'fault', status: 2 },
  ]);
});

test('a file that cannot be opened is refused with its reason', async () => {
  const files = [{ name: 'kernel', path: '/nonexistent/Image' }];
  const system = new TestSystem([partition('guest', 'guest', IDLE, { files })], []);
  assert.equal(await system.exited, 2);
  const refused = await system.waitFor('refused');
  assert.match(refused.reason, /^guest: file kernel: ENOENT/);
});

test('what is no regular file is refused, and not waited for', { skip: process.platform === 'win32' }, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-fifo-'));
  const fifo = path.join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  for (const file of [fifo, '/dev/tty', '/dev/zero', folder]) {
    const files = [{ name: 'kernel', path: file }];
    const system = new TestSystem([partition('guest', 'guest', IDLE, { files })], []);
    assert.equal(await system.exited, 2, file);
  }
  rmSync(folder, { recursive: true });
});

test('a gigantic image is a wrong image', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'virtsec-image-'));
  const file = path.join(folder, 'sparse');
  writeFileSync(file, '');
  truncateSync(file, 2 ** 33);
  const guest = partition('guest', 'guest', 'vmm', {
    memory: 16 << 20,
    config: { cmdline: '', deviceTree: true, devices: {} },
    files: [{ name: 'initrd', path: file }],
  });
  const system = new TestSystem([guest], []);
  assert.equal(await system.exited, 2, JSON.stringify(system.events));
  assert.equal(system.log('guest')[0], 'error[image.too-large]: The initrd has more than 1 GiB.');
  rmSync(folder, { recursive: true });
});

test('when the host runs out of memory, it takes a partition', { skip: process.platform !== 'linux' }, async () => {
  for (const { noFfi } of FORMS.filter((f) => f.skip === false)) {
    const system = new TestSystem([partition('guest', 'guest', IDLE)], [], { noFfi });
    const { partitions } = await system.waitFor('started');
    const score = (pid: number | string) => Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8'));
    assert.equal(score(partitions[0].pid), 1000);
    assert.ok(await until(() => score(system.pid) === score('self'), 1000));
    system.kill('SIGTERM');
    await system.exited;
  }
});

test('calls without end are held to their budget', { skip: whyNoFfi() ?? false }, async () => {
  const ms = 500;
  const system = new TestSystem(
    [partition('flood', 'guest', ACT, { config: { does: 'flood', ms } }), partition('tty', 'driver', IDLE)],
    line(0, 1),
  );
  assert.equal(await system.exited, 0);
  const calls = Number(/(\d+) calls/.exec(system.log('flood').join(' '))?.[1]);
  // 500 in a frame of 10 ms; a frame more for each end
  assert.ok(calls > 100 && calls <= 500 * (ms / 10 + 2), `${calls} calls`);
});

/** CPU time of a process so far, in ms (proc_pid_stat(5): utime and stime, in ticks of 10 ms). */
function cpuTime(pid: number): number {
  const [user, system] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13);
  return 10 * (Number(user) + Number(system));
}

test(
  'chatter without end costs the kernel little, and its caller few events',
  { skip: whyNoFfi() ?? false },
  async () => {
    const ms = 1500;
    const system = new TestSystem([partition('chatter', 'guest', ACT, { config: { does: 'chatter', ms } })], []);
    await system.waitFor('started');
    const before = cpuTime(system.pid);
    await new Promise((resolve) => setTimeout(resolve, ms - 200));
    const spent = cpuTime(system.pid) - before;
    assert.equal(await system.exited, 0);
    assert.ok(spent < ms / 2, `${spent} ms of CPU time in ${ms} ms`); // without a bound: four fifths
    // 200 in a second, and one that says how many were dropped
    const told = system.events.filter((e) => e.event === 'log' || e.event === 'reset').length;
    assert.ok(told > 100 && told <= 201 * (ms / 1000 + 2), `${told} events`);
  },
);

test('what a partition says of its layers cannot act on a terminal', { skip: whyNoFfi() ?? false }, async () => {
  const system = new TestSystem([partition('liar', 'guest', ACT, { config: { does: 'lie' } })], []);
  const { partitions } = await system.waitFor('started');
  assert.deepEqual(
    partitions[0].missing.find((m) => m.layer === 'seccomp'),
    { layer: 'seccomp', reason: '\ufffd[2Jgone' },
  );
  await system.exited;
});

/** Partitions that have gone bad beside two that talk; an idle guest keeps the system up until all of it has been seen. */
async function besideNoise(configs: readonly { seed: number; hello?: boolean; legal?: boolean }[], noFfi: boolean) {
  const noise = configs.map((config, i) => partition(`noise${i}`, 'app', NOISE, { config: { ...config } }));
  const system = new TestSystem(
    [
      partition('a', 'guest', ECHO, { config: { text: 'abcdefghi\n', times: 5000 } }),
      partition('b', 'driver', ECHO, { config: { echo: true } }),
      ...noise,
      partition('idle', 'guest', IDLE),
    ],
    [
      ...[...line(0, 1), ...line(1, 0)].map((s, i) => ({ ...s, name: ['ping', 'pong'][i] })),
      // The bad ones are joined to the driver, so that they may wake it.
      ...noise.flatMap((_, i) => line(2 + i, 1).map((s) => ({ ...s, name: `noise${i}` }))),
    ],
    { noFfi },
  );
  for (const [i, { legal }] of configs.entries()) {
    // Sooner or later it says what it may not, or (seldom) happens to say EXIT.
    if (legal === true) continue;
    const exit = await system.waitFor('exit', (e) => e.partition === `noise${i}`);
    assert.ok(exit.by === 'illegal-call' || exit.by === 'exit', exit.by);
  }
  assert.equal((await system.waitFor('exit', (e) => e.partition === 'a')).status, 7);
  system.kill('SIGTERM');
  assert.equal(await system.exited, 143, JSON.stringify(system.events) + system.kernelLog);
  return system;
}

test('whatever partitions write into their call pages, the others talk on', { skip: whyNoFfi() ?? false }, async () => {
  const system = await besideNoise(
    [{ seed: 1 }, { seed: 2, legal: true }, { seed: 3, hello: true }, { seed: 4, hello: true, legal: true }],
    false,
  );
  // A HELLO that says nothing true stands for no layer of the partition's own.
  const { partitions } = await system.waitFor('started');
  assert.ok(partitions[2].layers.includes('seccomp') && !partitions[4].layers.includes('seccomp'));
});

test('whatever partitions write into their control pipes, the others talk on', async () => {
  await besideNoise([{ seed: 1 }, { seed: 2 }, { seed: 3 }], true);
});
