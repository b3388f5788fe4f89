// Which partition can tell which what: every way that the description opens, and the paths that they make together.
//
// The clock is a node of its own: who may switch the mode of the schedule tells it something, and it tells everyone
// (docs: a switch is worth at most log2(modes) bits a frame). A device with free DMA joins its driver with everybody.
import { type Channel, type Description, endsOf } from '../description.ts';
import type { Range } from '../source.ts';

/** The node of the schedule; no partition can have this name. */
export const CLOCK = '(clock)';

export interface Flow {
  readonly from: string;
  readonly to: string;
  /** Short: the channel's name, or what else it is. */
  readonly via: string;
  /** What happens on this hop, as a sentence without full stop. */
  readonly sentence: string;
  readonly at: Range;
  /** What to write so that this hop is gone and its channel is not. */
  readonly cut?: string;
}

/** The flows of one channel. The way back of a stream, a call and a blocking queue is a flow like any other. */
function channelFlows(channel: Channel): Flow[] {
  const { name, kind, from, at } = channel;
  return channel.to.flatMap((to): Flow[] => {
    const flow = (from: string, to: string, sentence: string): Flow => ({
      from,
      to,
      via: name,
      sentence,
      at: at['ends'],
    });
    switch (kind) {
      case 'stream':
        return [
          flow(from, to, `${from} writes to ${to} on stream \`${name}\``),
          flow(to, from, `${to} writes to ${from} on stream \`${name}\``),
        ];
      case 'call':
        return [
          flow(from, to, `${from} calls ${to} by \`${name}\``),
          flow(to, from, `${to} answers ${from}'s calls by \`${name}\``),
        ];
      case 'sampling':
        return [flow(from, to, `${from} publishes \`${name}\` to ${to}`)];
      case 'queuing': {
        const there = flow(from, to, `${from} sends to ${to} by queue \`${name}\``);
        const back = flow(to, from, `${to} lets ${from} feel how full queue \`${name}\` is (overflow: block)`);
        const cut = `write \`overflow: drop\` in \`${name}\`: then nothing comes back`;
        return channel.overflow === 'block' ? [there, { ...back, cut }] : [there];
      }
      case 'signal':
        return [flow(from, to, `${from} signals ${to} by \`${name}\``)];
    }
  });
}

/** All direct flows, those of the kernel's authorities and of free DMA included. */
export function flowsOf(description: Description): Flow[] {
  const { partitions, modes } = description;
  const flows = description.channels.flatMap(channelFlows);
  for (const { name, may, at } of partitions) {
    for (const other of may.manage) {
      const sentence = `${name} may start, stop and restart ${other}`;
      flows.push({ from: name, to: other, via: 'manage', sentence, at: at['may.manage'] });
    }
    for (const other of may.audit) {
      const sentence = `${name} may read the state, faults and counters of ${other}`;
      flows.push({ from: other, to: name, via: 'audit', sentence, at: at['may.audit'] });
    }
  }
  const authorities = modes.length > 1 ? partitions.filter(({ may }) => may.switch.length > 0) : [];
  for (const { name, at } of authorities) {
    const sentence = `${name} may switch the schedule, whose mode everybody sees`;
    flows.push({ from: name, to: CLOCK, via: 'mode switch', sentence, at: at['may.switch'] });
  }
  for (const { name } of authorities.length > 0 ? partitions : []) {
    const sentence = `${name} sees the mode of the schedule`;
    flows.push({ from: CLOCK, to: name, via: 'schedule', sentence, at: description.at['schedules'] });
  }
  for (const { name, devices } of partitions) {
    const device = devices.find(({ dma }) => dma === 'any');
    if (device === undefined) continue;
    for (const other of partitions) {
      if (other.name === name) continue;
      const at = device.at['dma'];
      const via = `DMA of ${device.name}`;
      const how = `by DMA of device \`${device.name}\``;
      flows.push(
        { from: name, to: other.name, via, sentence: `${name} can write the memory of ${other.name} ${how}`, at },
        { from: other.name, to: name, via, sentence: `${name} can read the memory of ${other.name} ${how}`, at },
      );
    }
  }
  const known = new Set([...partitions.map((partition) => partition.name), CLOCK]);
  return flows.filter(({ from, to }) => from !== to && known.has(from) && known.has(to));
}

export class FlowGraph {
  readonly flows: readonly Flow[];
  readonly #out = new Map<string, Flow[]>();

  constructor(description: Description) {
    this.flows = flowsOf(description);
    for (const flow of this.flows) {
      const out = this.#out.get(flow.from);
      if (out === undefined) this.#out.set(flow.from, [flow]);
      else out.push(flow);
    }
  }

  from(name: string): readonly Flow[] {
    return this.#out.get(name) ?? [];
  }

  direct(from: string, to: string): Flow | undefined {
    return this.from(from).find((flow) => flow.to === to);
  }

  /** The shortest path from `from` to `to` whose nodes between satisfy `passes`; empty: there is none. */
  path(from: string, to: string, passes: (node: string) => boolean = () => true): Flow[] {
    const arrived = new Map<string, Flow>();
    const queue = [from];
    for (let node = queue.shift(); node !== undefined; node = queue.shift()) {
      for (const flow of this.from(node)) {
        if (flow.to === from || arrived.has(flow.to)) continue;
        arrived.set(flow.to, flow);
        if (flow.to === to) return walkBack(arrived, from, to);
        if (passes(flow.to)) queue.push(flow.to);
      }
    }
    return [];
  }

  /** Nodes that something can reach `from`, itself not among them. */
  reachable(from: string, passes: (node: string) => boolean = () => true): Set<string> {
    const found = new Set<string>();
    const queue = [from];
    for (let node = queue.shift(); node !== undefined; node = queue.shift()) {
      for (const { to } of this.from(node)) {
        if (to === from || found.has(to)) continue;
        found.add(to);
        if (passes(to)) queue.push(to);
      }
    }
    return found;
  }
}

function walkBack(arrived: ReadonlyMap<string, Flow>, from: string, to: string): Flow[] {
  const path: Flow[] = [];
  for (let node = to; node !== from; node = path[0].from) path.unshift(arrived.get(node)!);
  return path;
}

/** Channels that join two partitions, in either direction. */
export const channelsBetween = (description: Description, one: string, other: string): Channel[] =>
  description.channels.filter((channel) => {
    const ends = endsOf(channel);
    return ends.includes(one) && ends.includes(other) && (channel.from === one || channel.from === other);
  });
