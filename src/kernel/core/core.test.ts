import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as abi from '../abi.ts';
import * as plan from '../plan.ts';
import * as core from './core.ts';

/** Tables of a system: who counts, who may shut down, streams as [from, to]. */
function tables(
  partitions: readonly { counts?: boolean; mayShutDown?: boolean; quota?: number }[],
  streams: readonly (readonly [number, number])[],
): core.Kernel {
  const k = new core.Kernel();
  k.np = partitions.length;
  k.ns = streams.length;
  partitions.forEach((p, i) => {
    k.counts[i] = p.counts === true ? 1 : 0;
    k.mayShutDown[i] = p.mayShutDown === true ? 1 : 0;
    k.quota[i] = p.quota ?? 1000;
  });
  streams.forEach(([from, to], s) => {
    k.streamFrom[s] = from;
    k.streamTo[s] = to;
    k.streamFromEnd[s] = k.ends[from];
    k.streamToEnd[s] = k.ends[to];
    for (const [p, q] of [
      [from, to],
      [to, from],
    ]) {
      k.endStream[p * core.MAX_ENDS + k.ends[p]] = s;
      k.ends[p] += 1;
      k.joined[p * core.MAX_PARTITIONS + q] = k.ends[p];
    }
  });
  return k;
}

const GUEST = 0;
const CONSOLE = 1;
const OTHER = 2;
/** A guest and a console joined both ways, and a partition that has nothing to do with them. */
function running(): core.Kernel {
  const k = tables(
    [{ counts: true }, { mayShutDown: true }, {}],
    [
      [GUEST, CONSOLE],
      [CONSOLE, GUEST],
    ],
  );
  assert.equal(core.boot(k), core.OK);
  for (let p = 0; p < k.np; p++) assert.equal(core.step(k, p, core.OP_HELLO, 0), core.OK);
  assert.equal(core.release(k), core.OK);
  for (let p = 0; p < k.np; p++) assert.equal(core.takeEffects(k, p), core.FX_RELEASE);
  return k;
}

/** Everything that partition p has in its own row. */
const view = (k: core.Kernel, p: number) =>
  [k.state, k.credit, k.done, k.illegal, k.resets, k.fx, k.news].map((t) => t[p]);

test('operations, results and capacities are those of abi.ts and plan.ts', () => {
  for (const name of ['OP_HELLO', 'OP_NOTIFY', 'OP_EXIT', 'OP_RESET', 'OP_SHUTDOWN', 'OP_LOG'] as const) {
    assert.equal(core[name], abi[name], name);
  }
  for (const name of ['OK', 'E_OP', 'E_RIGHT', 'E_ARG', 'E_BUDGET'] as const) assert.equal(core[name], abi[name], name);
  assert.equal(core.MAX_TEXT, abi.TEXT_BYTES);
  assert.equal(core.MAX_PARTITIONS, plan.MAX_PARTITIONS);
  assert.equal(core.MAX_STREAMS, plan.MAX_STREAMS);
});

test('the core is written in the language that will be proved', () => {
  const source = readFileSync(new URL('core.ts', import.meta.url), 'utf8');
  const code = source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
  for (const outside of [
    /\bimport\b|\brequire\b/,
    /['"`]/, // strings
    /=>|\bfunction\s*\(|\bthis\b/, // closures, methods
    /\b(throw|try|catch|while|do|async|await|yield|of|in|delete|typeof)\b/,
    /[^<]\/[^/]|%/, // division
    /\d\.\d|\bMath\b|\bNumber\b|\bundefined\b|\bnull\b|\bany\b/,
    /\[\s*\]|\{\s*\w+\s*:/, // literals of lists and objects
    /\bnew (?!Int32Array\()/,
  ]) {
    assert.doesNotMatch(code, outside);
  }
  for (const [, bound] of code.matchAll(/for \(let \w+ = 0; \w+ < ([\w.]+); \w+\+\+\)/g)) {
    assert.match(bound, /^(k\.np|k\.ns|endRows|pairs|MAX_ENDS)$/);
  }
  assert.equal(code.match(/\bfor \(/g)?.length, code.match(/for \(let \w+ = 0; \w+ < [\w.]+; \w+\+\+\)/g)?.length);
});

test('boot refuses a plan whose tables do not fit together, and changes nothing', () => {
  const faults: ((k: core.Kernel) => void)[] = [
    (k) => (k.np = 0),
    (k) => (k.np = core.MAX_PARTITIONS + 1),
    (k) => (k.ns = -1),
    (k) => (k.counts[0] = 2),
    (k) => (k.mayShutDown[1] = -1),
    (k) => (k.quota[0] = core.COST_EVENT - 1),
    (k) => (k.quota[0] = core.MAX_CREDIT + 1),
    (k) => (k.ends[0] = core.MAX_ENDS + 1),
    (k) => (k.streamTo[0] = 2),
    (k) => (k.streamTo[0] = GUEST),
    (k) => (k.streamFromEnd[0] = 1),
    (k) => (k.endStream[core.MAX_ENDS] = 1),
    (k) => (k.ends[0] = 3),
    (k) => (k.joined[GUEST * core.MAX_PARTITIONS + CONSOLE] = 0),
    (k) => (k.joined[GUEST * core.MAX_PARTITIONS + OTHER] = 1),
    (k) => (k.joined[OTHER * core.MAX_PARTITIONS + GUEST] = 1),
  ];
  for (const fault of faults) {
    const k = tables(
      [{}, {}, {}],
      [
        [0, 1],
        [1, 0],
      ],
    );
    fault(k);
    assert.equal(core.boot(k), core.E_PLAN, String(fault));
    assert.equal(k.mode, core.SYS_OFF);
    assert.deepEqual([...k.state.subarray(0, 3)], [0, 0, 0]);
  }
});

test('nobody acts on another before everybody has said HELLO', () => {
  const k = tables([{}, {}], [[0, 1]]);
  core.boot(k);
  assert.equal(core.step(k, 0, core.OP_LOG, 3), core.OK);
  assert.equal(core.step(k, 0, core.OP_HELLO, 0), core.OK);
  assert.equal(core.allHeld(k), 0);
  assert.equal(core.release(k), core.E_OP);
  assert.equal(core.takeEffects(k, 0), 0);
  assert.equal(core.step(k, 1, core.OP_NOTIFY, 0), core.E_OP);
  assert.equal(core.takeEffects(k, 1), core.FX_KILL);
  assert.equal(core.takeEffects(k, 0), 0);
});

test('NOTIFY reaches the other end of that stream alone', () => {
  const k = running();
  const other = view(k, OTHER);
  assert.equal(core.step(k, CONSOLE, core.OP_NOTIFY, 1), core.OK);
  assert.equal(core.takeEffects(k, GUEST), core.FX_WAKE);
  assert.equal(core.takeNews(k, GUEST), 1 << 1);
  assert.equal(core.takeNews(k, GUEST), 0);
  assert.deepEqual(view(k, OTHER), other);
  assert.equal(core.takeEffects(k, CONSOLE), 0);
});

test('an illegal call condemns its caller, and its peers learn it', () => {
  const calls: [op: number, argument: number, result: number][] = [
    [0, 0, core.E_OP],
    [7, 0, core.E_OP],
    [-1, 0, core.E_OP],
    [core.OP_HELLO, 0, core.E_OP],
    [core.OP_NOTIFY, 2, core.E_ARG],
    [core.OP_NOTIFY, -1, core.E_ARG],
    [core.OP_EXIT, 256, core.E_ARG],
    [core.OP_EXIT, -1, core.E_ARG],
    [core.OP_LOG, core.MAX_TEXT + 1, core.E_ARG],
    [core.OP_LOG, -1, core.E_ARG],
    [core.OP_SHUTDOWN, 0, core.E_RIGHT],
  ];
  for (const [op, argument, result] of calls) {
    const k = running();
    const other = view(k, OTHER);
    assert.equal(core.step(k, GUEST, op, argument), result);
    assert.equal(core.takeEffects(k, GUEST), core.FX_KILL);
    assert.equal(k.illegal[GUEST], 1);
    assert.equal(core.takeEffects(k, CONSOLE), core.FX_WAKE);
    assert.equal(core.deadPeers(k, CONSOLE), 0b11);
    assert.deepEqual(view(k, OTHER), other);
    assert.equal(k.mode, core.SYS_RUN);
    assert.equal(core.allDone(k), 0);
    // Condemned: nothing it says counts any more.
    assert.equal(core.step(k, GUEST, core.OP_EXIT, 0), core.E_OP);
    assert.equal(core.allDone(k), 0);
  }
});

test('EXIT: peers learn it, and the first status other than 0 wins', () => {
  const k = tables([{ counts: true }, { counts: true }, {}, { counts: true }], [[0, 2]]);
  core.boot(k);
  for (let p = 0; p < 4; p++) core.step(k, p, core.OP_HELLO, 0);
  core.release(k);
  core.takeEffects(k, 2);
  assert.equal(core.step(k, 0, core.OP_EXIT, 0), core.OK);
  assert.equal(core.takeEffects(k, 2), core.FX_WAKE);
  assert.equal(core.deadPeers(k, 2), 1);
  assert.equal(core.step(k, 2, core.OP_EXIT, 9), core.OK); // does not count
  assert.equal(core.step(k, 1, core.OP_EXIT, 5), core.OK);
  assert.equal(core.allDone(k), 0);
  assert.equal(core.step(k, 3, core.OP_EXIT, 6), core.OK);
  assert.equal(core.allDone(k), 1);
  assert.equal(k.status, 5);
});

test('a death without EXIT wakes the peers and ends nothing', () => {
  const k = running();
  core.step(k, CONSOLE, core.OP_NOTIFY, 0);
  core.died(k, GUEST);
  assert.equal(core.takeEffects(k, GUEST), 0); // what was latched for it is void
  assert.equal(core.takeEffects(k, CONSOLE), core.FX_WAKE);
  assert.equal(core.deadPeers(k, CONSOLE), 0b11);
  assert.equal(core.deadPeers(k, OTHER), 0);
  assert.equal(core.allDone(k), 0);
  // Talking to the dead is no fault, and has no effect.
  assert.equal(core.step(k, CONSOLE, core.OP_NOTIFY, 0), core.OK);
  assert.deepEqual([k.fx[GUEST], k.news[GUEST]], [0, 0]);
});

test('credit bounds the calls of a frame, and is whole again after a tick', () => {
  const quota = core.COST_EVENT + 2;
  const k = tables([{ quota }, {}], [[0, 1]]);
  core.boot(k);
  core.step(k, 0, core.OP_HELLO, 0);
  core.step(k, 1, core.OP_HELLO, 0);
  core.release(k);
  assert.equal(core.step(k, 0, core.OP_LOG, 0), core.OK);
  assert.equal(core.step(k, 0, core.OP_NOTIFY, 0), core.OK);
  core.takeNews(k, 1);
  const before = view(k, 0);
  assert.equal(core.step(k, 0, core.OP_NOTIFY, 0), core.E_BUDGET);
  assert.equal(core.step(k, 0, core.OP_SHUTDOWN, 0), core.E_BUDGET);
  assert.deepEqual(view(k, 0), before);
  assert.equal(k.news[1], 0);
  core.tick(k);
  assert.equal(core.step(k, 0, core.OP_NOTIFY, 0), core.OK);
});

test('SHUTDOWN by whoever may tells everybody who is left', () => {
  const k = running();
  core.died(k, OTHER);
  assert.equal(core.step(k, CONSOLE, core.OP_SHUTDOWN, 0), core.OK);
  assert.equal(k.mode, core.SYS_STOPPING);
  assert.equal(core.takeEffects(k, GUEST), core.FX_STOP);
  assert.equal(core.takeEffects(k, CONSOLE), core.FX_STOP);
  assert.equal(core.takeEffects(k, OTHER), 0);
});

test('the end of the system is told once: whoever may shut down cannot ring everybody by repeating it', () => {
  const k = running();
  assert.equal(core.step(k, CONSOLE, core.OP_SHUTDOWN, 0), core.OK);
  assert.equal(core.takeEffects(k, OTHER), core.FX_STOP);
  assert.equal(core.step(k, CONSOLE, core.OP_SHUTDOWN, 0), core.OK);
  core.stop(k);
  assert.equal(core.takeEffects(k, OTHER), 0);
});

test('who has said HELLO is told while partitions are born, and no longer', () => {
  const k = tables([{}, {}], []);
  core.boot(k);
  core.died(k, 1);
  core.step(k, 0, core.OP_HELLO, 0);
  assert.equal(core.allHeld(k), 1);
  core.release(k);
  assert.equal(core.allHeld(k), 0);
});

test('a partition that is not there has no effects, no news and no peers', () => {
  const k = running();
  for (const p of [-1, k.np, core.MAX_PARTITIONS, 1 << 30]) {
    assert.deepEqual([core.takeEffects(k, p), core.takeNews(k, p), core.deadPeers(k, p)], [0, 0, 0]);
  }
});

test('RESET counts and changes nobody else', () => {
  const k = running();
  const others = [view(k, CONSOLE), view(k, OTHER)];
  assert.equal(core.step(k, GUEST, core.OP_RESET, 0), core.OK);
  assert.equal(k.resets[GUEST], 1);
  assert.deepEqual([view(k, CONSOLE), view(k, OTHER)], others);
});

test('random calls of one partition never touch a partition that no stream joins to it', () => {
  let seed = 1;
  const random = (n: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return (seed >>> 8) % n;
  };
  for (let run = 0; run < 200; run++) {
    const k = running();
    const other = view(k, OTHER);
    for (let i = 0; i < 30; i++) {
      core.step(k, GUEST, random(8), random(40) - 4);
      core.takeEffects(k, GUEST);
      assert.deepEqual(view(k, OTHER), other);
    }
  }
});
