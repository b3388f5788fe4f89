// The two parts of a plan, held against each other: names must call things what the core's tables say that they are, or a
// program would be given another's port under its own port's name.
import type { PortEnd } from './call-page.ts';
import {
  H_CALL,
  H_MANAGE,
  H_READ,
  H_RECEIVE,
  H_SEND,
  H_SERVE,
  H_SIGNAL,
  H_WRITE,
  type Kernel,
  MAX_HANDLES,
} from './core/core.ts';
import type { Plan } from './plan.ts';

const HANDLE_KINDS: Readonly<Record<`${PortEnd['kind']} ${PortEnd['direction']}`, number | undefined>> = {
  'queuing out': H_SEND,
  'queuing in': H_RECEIVE,
  'sampling out': H_WRITE,
  'sampling in': H_READ,
  'signal out': H_SIGNAL,
  'signal in': undefined,
  'call out': H_CALL,
  'call in': H_SERVE,
  'manage out': H_MANAGE,
  'manage in': undefined,
};

/** Where names contradict tables that `boot` has accepted; undefined: nowhere. */
export function contradiction(plan: Plan, k: Kernel): string | undefined {
  const { partitions, streams } = plan;
  if (partitions.length !== k.np) return `plan.partitions: ${partitions.length} names for ${k.np} partitions`;
  if (streams.length !== k.ns) return `plan.streams: ${streams.length} names for ${k.ns} streams`;
  if ((plan.modes?.length ?? 1) !== k.nmodes) return `plan.modes: not ${k.nmodes} names`;
  for (const [s, { from, to }] of streams.entries()) {
    if (from !== k.streamFrom[s] || to !== k.streamTo[s]) return `plan.streams[${s}]: not the stream of the tables`;
  }
  for (const [p, { mayShutDown, maySwitch = false, ports = [], audits = [] }] of partitions.entries()) {
    const place = `plan.partitions[${p}]`;
    if (Number(mayShutDown) !== k.mayShutDown[p]) return `${place}.mayShutDown: not the right of the tables`;
    if (Number(maySwitch) !== k.mayMode[p]) return `${place}.maySwitch: not the right of the tables`;
    if (audits.some(({ partition }) => k.auditor[partition] !== p))
      return `${place}.audits: not the auditor of the tables`;
    for (const [i, port] of ports.entries()) {
      const wrong = portContradiction(port, plan, k, p);
      if (wrong !== undefined) return `${place}.ports[${i}].${wrong}`;
    }
  }
  return undefined;
}

function portContradiction(port: PortEnd, plan: Plan, k: Kernel, p: number): string | undefined {
  const { kind, direction, handle, bytes, bits = 0 } = port;
  const expected = HANDLE_KINDS[`${kind} ${direction}`];
  // The receiver of a signal has no handle: it takes bits of its own word.
  if (expected === undefined) return kind === 'signal' ? undefined : 'direction: not one of this kind';
  if (!Number.isInteger(handle) || handle < 0 || handle >= MAX_HANDLES) return 'handle: none';
  const row = p * MAX_HANDLES + handle;
  const object = k.handleObject[row];
  if (k.handleKind[row] !== expected) return 'handle: of another kind';
  switch (kind) {
    case 'manage':
      return plan.partitions[object].name === port.name ? undefined : 'name: not the partition of the tables';
    case 'signal':
      return bits === k.handleMask[row] ? undefined : 'bits: not those of the tables';
    case 'sampling':
      return bytes === k.sampleBytes[object] ? undefined : 'bytes: not those of the tables';
    case 'queuing':
    case 'call':
      return bytes === k.portBytes[object] ? undefined : 'bytes: not those of the tables';
  }
}
