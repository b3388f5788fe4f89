// Where the picture puts partitions. Of each group that channels join, the two partitions farthest from each other lie at
// its ends, and every other in the column of its distance from the first: so a channel joins neighbouring columns, or
// partitions of one column, and no line passes behind a box.
import { type Channel, type Description, type Partition } from '../description.ts';

/** A partition, or the one form of all its replicas. */
export interface Node {
  readonly id: string;
  readonly partition: Partition;
  readonly replicas: number;
  readonly width: number;
  readonly height: number;
}

/** One channel between two nodes; a sampling channel has one for each reader. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly channel: Channel;
  /** Its name, without the number of a replica. */
  readonly label: string;
}

export interface Placed extends Node {
  readonly column: number;
  readonly group: number;
  /** Left upper corner. */
  readonly x: number;
  readonly y: number;
}

export interface Layout {
  readonly nodes: ReadonlyMap<string, Placed>;
  readonly width: number;
  readonly height: number;
}

export const COLUMN_GAP = 64;
const ROW_GAP = 46;
const GROUP_GAP = 44;

export const formOf = ({ name, replicaOf = name }: Partition): string => replicaOf;

export function edgesOf(description: Description): Edge[] {
  const forms = new Map(description.partitions.map((partition) => [partition.name, partition]));
  const seen = new Set<string>();
  return description.channels.flatMap((channel) =>
    channel.to.flatMap((reader): Edge[] => {
      const [writer, other] = [forms.get(channel.from), forms.get(reader)];
      if (writer === undefined || other === undefined) return [];
      const [from, to] = [formOf(writer), formOf(other)];
      const key = `${channel.at['name'].start} ${from} ${to}`;
      if (seen.has(key)) return [];
      seen.add(key);
      const isMany = description.channels.filter((one) => one.at['name'].start === channel.at['name'].start).length > 1;
      return [{ from, to, channel, label: isMany ? channel.name.replace(/-\d+$/, '') : channel.name }];
    }),
  );
}

export function layOut(nodes: readonly Node[], edges: readonly Edge[], labelWidth: (edge: Edge) => number): Layout {
  const near = new Map(nodes.map(({ id }) => [id, new Set<string>()]));
  for (const { from, to } of edges) {
    if (from === to) continue;
    near.get(from)!.add(to);
    near.get(to)!.add(from);
  }
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const groups = groupsOf(nodes, near).map((group) => arrange(group, near, byId));
  const placed = new Map<string, Placed>();
  let [top, width] = [0, 0];
  // Groups without any channel stand side by side in one row at the end.
  let left = 0;
  for (const [index, columns] of groups.entries()) {
    const isAlone = columns.length === 1 && columns[0].length === 1;
    const heights = placeRows(columns, near, byId);
    const lowest = Math.min(...heights.values());
    let x = isAlone ? left : 0;
    let bottom = 0;
    for (const [column, ids] of columns.entries()) {
      const widest = Math.max(...ids.map((id) => byId.get(id)!.width));
      for (const id of ids) {
        const node = { ...byId.get(id)!, width: widest };
        const y = top + heights.get(id)! - lowest;
        placed.set(id, { ...node, column, group: index, x, y });
        bottom = Math.max(bottom, y + node.height);
      }
      const crossing = edges.filter(({ from, to }) => {
        const [a, b] = [ids.includes(from), ids.includes(to)];
        const next = columns[column + 1] ?? [];
        return (a && next.includes(to)) || (b && next.includes(from));
      });
      const inside = edges.filter(({ from, to }) => ids.includes(from) && ids.includes(to));
      const gap = COLUMN_GAP + Math.max(20, ...crossing.map(labelWidth)) + (inside.length > 0 ? 34 : 0);
      x += widest + gap;
      width = Math.max(width, x - gap);
    }
    if (isAlone && groups.slice(index + 1).length > 0) left = x;
    else [top, left] = [bottom + GROUP_GAP, 0];
  }
  const height = Math.max(...[...placed.values()].map((node) => node.y + node.height));
  return { nodes: placed, width, height };
}

/** Nodes that edges join, the largest groups first. */
function groupsOf(nodes: readonly Node[], near: ReadonlyMap<string, Set<string>>): string[][] {
  const left = new Set(nodes.map(({ id }) => id));
  const groups: string[][] = [];
  for (const { id } of nodes) {
    if (!left.has(id)) continue;
    const members = new Set(distances(id, near).keys());
    for (const member of members) left.delete(member);
    groups.push(nodes.map((node) => node.id).filter((one) => members.has(one)));
  }
  return groups.toSorted((a, b) => b.length - a.length);
}

function distances(from: string, near: ReadonlyMap<string, Set<string>>): Map<string, number> {
  const found = new Map([[from, 0]]);
  const queue = [from];
  for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
    for (const next of near.get(id)!) {
      if (found.has(next)) continue;
      found.set(next, found.get(id)! + 1);
      queue.push(next);
    }
  }
  return found;
}

/** The columns of one group, each from top to bottom. */
function arrange(group: readonly string[], near: ReadonlyMap<string, Set<string>>, byId: ReadonlyMap<string, Node>) {
  // An end that meets the world outside begins: readers look from the outside in.
  const reach = group.map((id) => ({ id, far: Math.max(...distances(id, near).values()) }));
  const farthest = Math.max(...reach.map(({ far }) => far));
  const ends = reach.filter(({ far }) => far === farthest).map(({ id }) => id);
  const { connect, listen } = { connect: 'grants.connect', listen: 'grants.listen' };
  const isOutside = (id: string): boolean => {
    const { at } = byId.get(id)!.partition;
    return at[connect] !== undefined || at[listen] !== undefined;
  };
  const root = ends.find(isOutside) ?? ends[0];
  const columns: string[][] = [];
  for (const [id, distance] of distances(root, near)) (columns[distance] ??= []).push(id);
  for (let pass = 0; pass < 4; pass++) {
    for (const [i, column] of columns.entries()) columns[i] = bestOrder(column, i, columns, near);
  }
  return columns;
}

/** The order of a column with the fewest crossings; all orders of small columns are tried. */
function bestOrder(
  column: string[],
  index: number,
  columns: readonly string[][],
  near: ReadonlyMap<string, Set<string>>,
) {
  let best = column;
  let least = Infinity;
  const orders = column.length <= 6 ? permutations(column) : swaps(column);
  for (const order of orders) {
    const cost = costOf(order, index, columns, near);
    if (cost < least) [least, best] = [cost, order];
  }
  return best;
}

function* permutations(all: readonly string[]): Generator<string[]> {
  if (all.length < 2) return yield [...all];
  for (const [i, one] of all.entries()) {
    for (const rest of permutations(all.toSpliced(i, 1))) yield [one, ...rest];
  }
}

function* swaps(all: readonly string[]): Generator<string[]> {
  yield [...all];
  for (let i = 0; i < all.length; i++) {
    for (let j = i + 1; j < all.length; j++) yield all.with(i, all[j]).with(j, all[i]);
  }
}

function costOf(
  order: readonly string[],
  index: number,
  columns: readonly string[][],
  near: ReadonlyMap<string, Set<string>>,
) {
  let cost = 0;
  const middle = (order.length - 1) / 2;
  for (const side of [columns[index - 1], columns[index + 1]]) {
    if (side === undefined) continue;
    const links = order.flatMap((id, i) => side.flatMap((other, j) => (near.get(id)!.has(other) ? [[i, j]] : [])));
    for (const [a, [i, j]] of links.entries()) {
      cost += 0.1 * Math.abs(i - middle - (j - (side.length - 1) / 2));
      for (const [k, l] of links.slice(a + 1)) if ((i - k) * (j - l) < 0) cost += 4;
    }
  }
  for (const [i, id] of order.entries()) {
    for (const [j, other] of order.entries()) {
      if (j > i + 1 && near.get(id)!.has(other)) cost += 3 * (j - i - 1);
    }
  }
  return cost;
}

/** Heights of the boxes of one group: near the middle of their neighbours, in order and without overlap. */
function placeRows(
  columns: readonly string[][],
  near: ReadonlyMap<string, Set<string>>,
  byId: ReadonlyMap<string, Node>,
) {
  const height = (id: string): number => byId.get(id)!.height;
  const at = new Map<string, number>();
  const centre = (id: string): number => at.get(id)! + height(id) / 2;
  /** Of the tallest column, its boxes close together: no other needs to be taller. */
  let tallest = 0;
  for (const column of columns) {
    const sum = column.reduce((total, id) => total + height(id) + ROW_GAP, -ROW_GAP);
    tallest = Math.max(tallest, sum);
    let y = -sum / 2;
    for (const id of column) {
      at.set(id, y);
      y += height(id) + ROW_GAP;
    }
  }
  for (let pass = 0; pass < 6; pass++) {
    for (const [i, column] of columns.entries()) {
      const beside = [...(columns[i - 1] ?? []), ...(columns[i + 1] ?? [])];
      const wanted = column.map((id) => {
        const others = beside.filter((other) => near.get(id)!.has(other)).map(centre);
        const mean = others.length === 0 ? centre(id) : others.reduce((a, b) => a + b, 0) / others.length;
        return Math.min(Math.max(mean - height(id) / 2, -tallest / 2), tallest / 2 - height(id));
      });
      const tops: number[] = [];
      for (const [j, id] of column.entries()) {
        const least = j === 0 ? -Infinity : tops[j - 1] + height(column[j - 1]) + ROW_GAP;
        tops[j] = Math.max(wanted[j], least);
        at.set(id, tops[j]);
      }
      // Pushed down as a whole it is moved back by half of what it lost.
      const shift = tops.reduce((total, top, j) => total + wanted[j] - top, 0) / tops.length;
      for (const id of column) at.set(id, at.get(id)! + shift);
    }
  }
  return at;
}
