// Partitions over pipes, for hosts without node:ffi. Every stream is a pair of child pipes that this process carries the
// bytes between; operations come as lines of JSON over a control pipe each. The core runs in this thread. Of the layers only
// what Node itself offers remains.
import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import type { Duplex, Readable } from 'node:stream';
import {
  E_BUDGET,
  MAX_PIPE_LINE,
  OK,
  OP_EXIT,
  OP_HELLO,
  OP_LOG,
  OP_RESET,
  OP_SHUTDOWN,
  TEXT_BYTES,
  setUpLayers,
} from '../abi.ts';
import type { PartitionStart, PipeCall, PipeNews, StreamEnd } from '../abi.ts';
import * as core from '../core/core.ts';
import type { Plan } from '../plan.ts';
import { FRAME_MS, createTables, endsOf } from './core-tables.ts';
import { readLog } from './log-lines.ts';
import { ENVIRONMENT, WORKING_DIRECTORY, findProgram, nodeArguments } from './programs.ts';
import { NO_PORTS } from './transport.ts';
import type { Transport, TransportEvents, TransportOptions } from './transport.ts';

/** A control line, checked; anything else is operation 0, which no partition may call. */
function parseCall(line: string): Required<PipeCall> {
  try {
    const { op, argument, text = '' } = JSON.parse(line) as Record<string, unknown>;
    if (Number.isInteger(op) && Number.isInteger(argument) && typeof text === 'string') {
      return { op: (op as number) | 0, argument: (argument as number) | 0, text: text.slice(0, TEXT_BYTES) };
    }
  } catch {
    // falls through
  }
  return { op: 0, argument: 0, text: '' };
}

export function openPipeTransport(
  plan: Plan,
  noFfi: string,
  options: TransportOptions,
  events: TransportEvents,
): Transport {
  const k = createTables(plan);
  const ends = endsOf(plan);
  const pipesOut: Duplex[] = [];
  const pipesIn: Duplex[] = [];
  const tellers: ((news: PipeNews) => void)[] = [];

  const children = plan.partitions.map((p, id) => {
    const program = findProgram(p.program, options.allowedPrograms)!;
    // Descriptor numbers in the new process: 2 the log, 3 the control pipe, then the rest in order.
    const descriptors: ('pipe' | number)[] = ['pipe', 'pipe'];
    const give = (what: 'pipe' | number) => descriptors.push(what) + 1;
    const streams = ends[id].map(({ stream, direction }): StreamEnd => {
      const { name, bytes } = plan.streams[stream];
      return { name, direction, bytes, pipe: give('pipe') };
    });
    const files = Object.fromEntries(options.files[id].map(({ name, descriptor }) => [name, give(descriptor)]));
    const terminal = p.terminal
      ? { input: give(options.terminal!.input), output: give(options.terminal!.output) }
      : undefined;
    const start: PartitionStart = {
      id,
      parent: process.pid,
      name: p.name,
      kind: p.kind,
      memory: p.memory,
      harts: p.harts,
      config: p.config,
      streams,
      ...NO_PORTS,
      files,
      ...(terminal === undefined ? {} : { terminal }),
      transport: 'pipes',
      without: options.without,
    };
    const flags = nodeArguments(program, !options.without.includes('permission'), false);
    const child = spawn(process.execPath, [...flags, JSON.stringify(start)], {
      cwd: WORKING_DIRECTORY,
      env: { ...ENVIRONMENT, VIRTSEC_NO_FFI: '1' },
      stdio: ['ignore', 'ignore', ...descriptors],
    });
    for (const { descriptor } of options.files[id]) closeSync(descriptor);
    if (p.terminal) for (const fd of Object.values(options.terminal!)) closeSync(fd);
    child.on('error', (error) => events.broken(`${p.name}: ${error.message}`));
    const lastWords = readLog(child.stderr!, (chunk) => events.output(id, chunk));
    ends[id].forEach(({ stream, direction }, e) => {
      const pipe = child.stdio[streams[e].pipe!] as Duplex;
      // Reset by a peer that is gone: the end of the stream, no error of ours.
      pipe.on('error', () => pipe.destroy());
      (direction === 'out' ? pipesOut : pipesIn)[stream] = pipe;
    });
    listen(id, child.stdio[3] as Duplex);
    child.on('exit', (code, signal) => {
      core.died(k, id);
      void lastWords().then(() => events.dead(id, code, signal));
    });
    return child;
  });

  plan.streams.forEach((_, s) => {
    pipesOut[s].pipe(pipesIn[s]);
    // Whoever is left learns of it by the end of its own pipe.
    pipesIn[s].on('close', () => pipesOut[s].destroy());
    pipesOut[s].on('close', () => pipesIn[s].end());
  });

  /** Those whose credit is spent. A frame ends for all at once: one that spends its own does not renew the others'. */
  let muted: (() => void)[] = [];
  function atNextFrame(goOn: () => void): void {
    muted.push(goOn);
    if (muted.length > 1) return;
    setTimeout(() => {
      core.tick(k);
      const all = muted;
      muted = [];
      for (const goOnNow of all) goOnNow();
    }, FRAME_MS);
  }

  function listen(id: number, control: Duplex): void {
    tellers[id] = (news) => control.write(`${JSON.stringify(news)}\n`);
    control.on('error', () => control.destroy());
    const waiting: string[] = [];
    let rest = '';
    const serveAll = () => {
      for (let line = waiting.shift(); line !== undefined; line = waiting.shift()) {
        const call = parseCall(line);
        const result = core.step(k, id, call.op, call.op === OP_LOG ? call.text.length : call.argument);
        if (result === E_BUDGET) {
          // Nothing more is read of it until its credit is whole again.
          waiting.unshift(line);
          control.pause();
          atNextFrame(() => {
            control.resume();
            serveAll();
          });
          return;
        }
        if (result !== OK) {
          events.core({ event: 'illegal', partition: id, op: call.op });
          return;
        }
        report(id, call);
      }
    };
    (control as Readable).setEncoding('utf8');
    control.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_PIPE_LINE) {
        lines.push(rest); // not a call
        rest = '';
      }
      const idle = waiting.length === 0;
      waiting.push(...lines);
      if (idle) serveAll();
    });
  }

  function report(partition: number, call: Required<PipeCall>): void {
    switch (call.op) {
      case OP_HELLO:
        events.core({ event: 'hello', partition, text: call.text, allHeld: core.allHeld(k) === 1 });
        break;
      case OP_LOG:
        events.core({ event: 'log', partition, text: call.text });
        break;
      case OP_RESET:
        events.core({ event: 'reset', partition });
        break;
      case OP_EXIT:
        events.core({
          event: 'exit',
          partition,
          status: call.argument,
          allDone: core.allDone(k) === 1,
          systemStatus: k.status,
        });
        break;
      case OP_SHUTDOWN:
        events.core({ event: 'shutdown', partition, systemStatus: k.status });
        break;
    }
    carryOutAll();
  }

  function carryOutAll(): void {
    for (let p = 0; p < k.np; p++) {
      const effects = core.takeEffects(k, p);
      if (effects & core.FX_RELEASE) tellers[p]({ released: true });
      if (effects & core.FX_STOP) tellers[p]({ stopping: core.deadPeers(k, p) });
    }
  }

  return {
    layers: setUpLayers(options.without, [
      ['no-new-privs', () => noFfi],
      ['no-io-uring', () => noFfi],
      ['landlock', () => noFfi],
      ['uid', () => noFfi],
      ['permission', () => undefined],
    ]),
    pid: (p) => children[p].pid ?? 0,
    release() {
      core.release(k);
      carryOutAll();
    },
    stop() {
      core.stop(k);
      carryOutAll();
    },
    kill: (p) => void children[p].kill('SIGKILL'),
  };
}
