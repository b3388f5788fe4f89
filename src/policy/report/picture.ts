// The picture of a system: partitions and their channels, the schedule, who reaches whom, and what falls with what. One
// SVG without scripts or foreign fonts.
import type { Analysis } from '../analysis/analysis.ts';
import type { ChannelKind, Description, Partition } from '../description.ts';
import { formatSize, formatTime } from '../quantities.ts';
import type { Fault } from '../source.ts';
import { type Edge, edgesOf, formOf, type Layout, layOut, type Node, type Placed } from './layout.ts';
import { compromisePanel, flowPanel, schedulePanel, waysPanel } from './panels.ts';
import { arrow, box, type Drawn, group, INK, type Panel, path, PALETTE, stack, text, textWidth } from './svg.ts';

const MARGIN = 32;
/** Of boxes; between them as their words need. */
const BOX_WIDTH = [150, 212] as const;
const PORT = 19;
/** How far the boxes of replicas stand out behind the first. */
const SHADOW = 8;
const LINE = 15;
const TITLE_HEIGHT = 58;
const KERNEL_HEIGHT = 44;
const PANEL_GAP = 36;
/** A panel of sentences is no narrower than this. */
const NARROWEST = 260;

export function picture(description: Description, analysis: Analysis, faults: readonly Fault[] = []): string {
  const edges = edgesOf(description);
  const nodes = nodesOf(description, edges);
  const layout = layOut(nodes, edges, (edge) => textWidth(edge.label, 11) + 14);
  const broken = new Set(faults.flatMap((fault) => (fault.path ?? []).map(({ at }) => at.start)));
  const width = Math.max(layout.width, 920);
  const panels = sidePanels(analysis, description, width);
  const hasRights = description.partitions.some(
    ({ may }) => may.manage.length + may.audit.length + may.switch.length > 0 || may.shutDown,
  );
  const diagramTop = TITLE_HEIGHT + 26;
  const kernelTop = diagramTop + layout.height + 46;
  const panelTop = kernelTop + KERNEL_HEIGHT + PANEL_GAP;
  const height = panelTop + panels.height;
  return stack(width + 2 * MARGIN, height + MARGIN * 1.5, [
    group(MARGIN, MARGIN * 0.75, [
      title(description, analysis, width),
      group((width - layout.width) / 2, diagramTop, [
        ...lowest(layout).map((node) => rail(node, layout.height + 46)),
        ...edgeDrawings(edges, layout, broken),
        ...[...layout.nodes.values()].map(drawNode),
      ]),
      group(0, kernelTop, [kernel(width, new Set(edges.map((edge) => edge.channel.at['name'].start)).size, hasRights)]),
      group(0, panelTop, [panels.svg]),
    ]),
  ]);
}

function title(description: Description, { holds, assertions }: Analysis, width: number): string {
  const kinds = (['stream', 'call', 'sampling', 'queuing', 'signal'] as const).filter((kind) =>
    description.channels.some((channel) => channel.kind === kind),
  );
  let x = width;
  const legend = kinds.toReversed().map((kind) => {
    const label = KIND_NAMES[kind];
    x -= textWidth(label, 11) + 46;
    return group(x, 0, [
      edgeLine(`M0 0 H30`, kind, false, kind === 'stream' || kind === 'call'),
      text(36, 4, label, 11),
    ]);
  });
  const claims =
    assertions.length === 0
      ? ''
      : holds
        ? `${assertions.length} assertion${assertions.length === 1 ? '' : 's'}: all hold`
        : 'what this description asserts does not hold: see the red way';
  return group(0, 0, [
    text(0, 22, description.system, 24, { weight: 700 }),
    text(0, 44, claims, 12, { fill: holds ? PALETTE.good : PALETTE.bad }),
    group(0, 16, legend),
  ]);
}

const KIND_NAMES: Readonly<Record<ChannelKind, string>> = {
  stream: 'stream',
  call: 'call and reply',
  sampling: 'sampling',
  queuing: 'queue',
  signal: 'signal',
};

// Boxes ---------------------------------------------------------------------------------------------------------------

function nodesOf(description: Description, edges: readonly Edge[]): Node[] {
  const forms = new Map<string, Partition[]>();
  for (const partition of description.partitions) {
    const form = formOf(partition);
    forms.set(form, [...(forms.get(form) ?? []), partition]);
  }
  return [...forms].map(([id, all]) => {
    const ports = edges.filter(({ from, to }) => from === id || to === id).length;
    const lines = linesOf(all[0]);
    const strip = all[0].form === 'guest' ? 20 : 0;
    const height = Math.max(46 + lines.length * LINE + strip, Math.min(ports, 8) * PORT + 14);
    const words = Math.max(textWidth(id, 14, 700) + 34, ...lines.map((line) => textWidth(line, 11)));
    const width = Math.round(Math.min(Math.max(words + 24, BOX_WIDTH[0]), BOX_WIDTH[1]));
    return { id, partition: all[0], replicas: all.length, width, height };
  });
}

const cut = (words: string, most = 29): string => (words.length <= most ? words : `${words.slice(0, most - 1)}…`);

/** What stands in a box below its name. */
function linesOf({ form, what, files, memory, harts, grants, devices, needs, may, start }: Partition): string[] {
  const program = (what ?? files?.kernel ?? files?.firmware ?? '').replace(/^\.\//, '');
  const runs = form === 'driver' ? `${program} driver` : cut(program, 22);
  return [
    [runs, formatSize(memory), ...(harts > 1 ? [`${harts} harts`] : [])].join(' · '),
    ...(needs === undefined ? [] : [`needs ${formatTime(needs.time)} every ${formatTime(needs.every)}`]),
    ...(start === 'manual' ? ['started on demand'] : []),
    ...(may.manage.length > 0 ? [`starts and stops ${list(may.manage)}`] : []),
    ...(may.audit.length > 0 ? [`audits ${list(may.audit)}`] : []),
    ...(may.switch.length > 0 ? ['switches modes'] : []),
    ...(grants.terminal ? ['holds the terminal'] : []),
    ...(grants.connect.length > 0 ? [`to ${list(grants.connect)}`] : []),
    ...(grants.listen.length > 0 ? [`listens on ${list(grants.listen.map(String))}`] : []),
    ...[grants.file, grants.folder]
      .flatMap((path) => path ?? [])
      .map((path) => `${path}${grants.readonly ? ' (read only)' : ''}`),
    ...devices.map(
      ({ name, dma }) =>
        `device ${name}${dma === 'none' ? '' : dma === 'any' ? ', DMA: ALL memory' : ', DMA by IOMMU'}`,
    ),
  ].map((line) => cut(line));
}

/** `a, b`, `sandbox ×4`, `5 partitions`. */
function list(names: readonly string[]): string {
  const forms = [...new Set(names.map((name) => name.replace(/-\d+$/, '')))];
  if (forms.length === 1 && names.length > 1) return `${forms[0]} ×${names.length}`;
  return names.length <= 2 ? names.join(', ') : `${names.length} partitions`;
}

function drawNode(node: Placed): string {
  const { partition, width, height, replicas } = node;
  const colours = PALETTE[partition.form];
  const isGuest = partition.form === 'guest';
  const lines = linesOf(partition);
  const shadows =
    replicas > 1 ? [SHADOW, SHADOW / 2].map((by) => box(by, by, width, height, colours.fill, colours.line)) : [];
  const { label } = partition;
  const pill =
    label === undefined ? '' : label.reads === label.writes ? label.reads : `${label.reads} ▸ ${label.writes}`;
  const pillWidth = textWidth(pill, 10) + 14;
  const danger = partition.devices.some(({ dma }) => dma === 'any');
  return group(node.x, node.y, [
    ...shadows,
    box(0, 0, width, height, colours.fill, danger ? PALETTE.bad : colours.line),
    ...(isGuest ? [`<path d="M0 ${height - 20} H${width}" stroke="${colours.line}" stroke-dasharray="3 3"/>`] : []),
    ...(isGuest ? [text(width / 2, height - 6, 'a VMM of its own', 10, { anchor: 'middle', fill: colours.text })] : []),
    text(12, 22, `${node.id}${replicas > 1 ? ` ×${replicas}` : ''}`, 14, { weight: 700 }),
    ...lines.map((line, i) =>
      text(12, 40 + i * LINE, line, 11, { fill: line.includes('ALL memory') ? PALETTE.bad : INK.soft }),
    ),
    ...(pill === ''
      ? []
      : [
          `<rect x="${width - pillWidth - 8}" y="-9" width="${pillWidth}" height="18" rx="9" fill="#fff" stroke="${colours.line}"/>`,
          text(width - pillWidth / 2 - 8, 4, pill, 10, { anchor: 'middle', fill: colours.text, weight: 600 }),
        ]),
  ]);
}

/** Boxes with none below them. */
const lowest = ({ nodes }: Layout): Placed[] => {
  const all = [...nodes.values()];
  return all.filter(({ x, y, width }) => {
    const middle = x + width / 2;
    return !all.some((one) => one.y > y && one.x <= middle && middle <= one.x + one.width);
  });
};

/** The faint line from a partition to the kernel, on which all its calls go. */
const rail = ({ x, y, width, height }: Placed, bottom: number): string =>
  `<path d="M${x + width / 2} ${y + height} V${bottom}" stroke="${INK.faint}" stroke-width="6"/>`;

function kernel(width: number, channels: number, rights: boolean): string {
  const lines = channels === 1 ? 'this one channel' : `these ${channels} channels`;
  const ways = rights ? `${lines}, the rights written in the boxes` : lines;
  return group(0, 0, [
    `<rect width="${width}" height="${KERNEL_HEIGHT}" rx="8" fill="${INK.dark}"/>`,
    text(width / 2, 27, `separation kernel: ${ways}, and nothing else`, 13, {
      anchor: 'middle',
      fill: '#fff',
      weight: 600,
    }),
  ]);
}

// Lines ---------------------------------------------------------------------------------------------------------------

interface Port {
  readonly edge: Edge;
  y: number;
}

type Ports = ReadonlyMap<string, Readonly<Record<'left' | 'right', readonly Port[]>>>;

const sideOf = (node: Placed, other: Placed): 'left' | 'right' | 'own' =>
  other.column === node.column ? 'own' : other.column < node.column ? 'left' : 'right';

/** Heights at which edges meet the left and right sides of a box, in the order of their other ends. */
function portsOf(node: Placed, edges: readonly Edge[], { nodes }: Layout, side: 'left' | 'right'): Port[] {
  const other = (edge: Edge): Placed => nodes.get(edge.from === node.id ? edge.to : edge.from)!;
  const own = edges
    .filter((edge) => edge.from !== edge.to && (edge.from === node.id || edge.to === node.id))
    .filter((edge) => sideOf(node, other(edge)) === side)
    .toSorted((a, b) => other(a).y - other(b).y || edges.indexOf(a) - edges.indexOf(b));
  const step = Math.min(PORT, (node.height - 16) / Math.max(1, own.length - 1));
  return own.map((edge, i) => ({ edge, y: node.y + node.height / 2 + (i - (own.length - 1) / 2) * step }));
}

/** Makes lines straight whose end is the only one on its side of a box. */
function straighten(edges: readonly Edge[], { nodes }: Layout, ports: Ports): void {
  for (const edge of edges) {
    const [a, b] = [nodes.get(edge.from)!, nodes.get(edge.to)!];
    if (a.column === b.column) continue;
    const [left, right] = a.column < b.column ? [a, b] : [b, a];
    const ends = [
      { node: left, side: ports.get(left.id)!.right },
      { node: right, side: ports.get(right.id)!.left },
    ].map(({ node, side }) => ({ node, alone: side.length === 1, port: side.find((port) => port.edge === edge)! }));
    const fits = ({ node }: { node: Placed }, y: number): boolean => y > node.y + 14 && y < node.y + node.height - 14;
    for (const [end, other] of [ends, ends.toReversed()]) {
      if (end.alone && fits(end, other.port.y)) end.port.y = other.port.y;
    }
  }
}

function edgeDrawings(edges: readonly Edge[], layout: Layout, broken: ReadonlySet<number>): string[] {
  const ports: Ports = new Map(
    [...layout.nodes.values()].map((node) => [
      node.id,
      { left: portsOf(node, edges, layout, 'left'), right: portsOf(node, edges, layout, 'right') },
    ]),
  );
  straighten(edges, layout, ports);
  const drawn = edges.flatMap((edge): Drawn[] => {
    const [a, b] = [layout.nodes.get(edge.from)!, layout.nodes.get(edge.to)!];
    if (a === b) return [];
    const isBroken = broken.has(edge.channel.at['ends'].start);
    const line = (d: string, forward: boolean): string =>
      edgeLine(d, edge.channel.kind, isBroken, backFlows(edge), forward);
    const label = (x: number, y: number, anchor: 'start' | 'middle' | 'end'): string =>
      text(x, y, edge.label, 11, {
        anchor,
        fill: isBroken ? PALETTE.bad : PALETTE.kinds[edge.channel.kind],
        halo: true,
      });
    if (a.column === b.column) return [inColumn(edge, edges, a, b, layout, line, label)];
    const [left, right] = a.column < b.column ? [a, b] : [b, a];
    const y1 = ports.get(left.id)!.right.find((port) => port.edge === edge)!.y;
    const y2 = ports.get(right.id)!.left.find((port) => port.edge === edge)!.y;
    const [x1, x2] = [left.x + left.width + (left.replicas > 1 ? SHADOW : 0) + 3, right.x - 3];
    // The name stands at the end where more lines meet: there their ends lie apart.
    const atLeft = ports.get(left.id)!.right.length >= ports.get(right.id)!.left.length;
    const names = atLeft ? ports.get(left.id)!.right : ports.get(right.id)!.left;
    // As long as the longest name on this side, so that lines side by side bend side by side.
    const flat = Math.max(...names.map((port) => textWidth(port.edge.label, 11))) + 16;
    const [c1, c2] = atLeft ? [x1 + flat, x2 - 10] : [x1 + 10, x2 - flat];
    const bend = (c2 - c1) / 2;
    const d = `M${x1} ${y1} H${c1} C${c1 + bend} ${y1} ${c2 - bend} ${y2} ${c2} ${y2} H${x2}`;
    const at = atLeft ? label(x1 + 11, y1 - 6, 'start') : label(x2 - 11, y2 - 6, 'end');
    return [{ line: line(d, a === left), label: at }];
  });
  return [...drawn.map(({ line }) => line), ...drawn.map(({ label }) => label)];
}

/** Whether the receiver can tell the sender something. */
const backFlows = ({ channel }: Edge): boolean =>
  channel.kind === 'stream' || channel.kind === 'call' || channel.overflow === 'block';

/** A line between two boxes of one column: straight down to the next, or around those between. */
function inColumn(
  edge: Edge,
  edges: readonly Edge[],
  a: Placed,
  b: Placed,
  { nodes }: Layout,
  line: (d: string, forward: boolean) => string,
  label: (x: number, y: number, anchor: 'start' | 'middle' | 'end') => string,
): Drawn {
  const [upper, lower] = a.y < b.y ? [a, b] : [b, a];
  const between = [...nodes.values()].some(
    (one) => one.group === a.group && one.column === a.column && one.y > upper.y && one.y < lower.y,
  );
  const same = edges.filter(({ from, to }) => [from, to].includes(a.id) && [from, to].includes(b.id));
  const index = same.indexOf(edge);
  if (!between) {
    const x = upper.x + upper.width / 2 + 14 + (index - (same.length - 1) / 2) * 74;
    const [y1, y2] = [upper.y + upper.height + 3, lower.y - 3];
    return { line: line(`M${x} ${y1} V${y2}`, a === upper), label: label(x + 7, (y1 + y2) / 2 + 4, 'start') };
  }
  const x = upper.x + upper.width + 3;
  const [y1, y2] = [upper.y + upper.height - 12 - index * 8, lower.y + 12 + index * 8];
  const bulge = x + 30 + index * 12;
  const d = `M${x} ${y1} C${bulge} ${y1} ${bulge} ${y1 + 8} ${bulge} ${y1 + 26} V${y2 - 26} C${bulge} ${y2 - 8} ${bulge} ${y2} ${x} ${y2}`;
  return { line: line(d, a === upper), label: label(bulge + 4, (y1 + y2) / 2, 'start') };
}

/** `forward`: the path goes from sender to receiver. */
function edgeLine(d: string, kind: ChannelKind, isBroken: boolean, back: boolean, forward = true): string {
  const colour = isBroken ? PALETTE.bad : PALETTE.kinds[kind];
  const width = kind === 'stream' ? 2.6 : 1.6;
  const dash = kind === 'signal' ? '2 4' : kind === 'sampling' ? '7 4' : undefined;
  return path(d, {
    stroke: colour,
    width: isBroken ? width + 1.4 : width,
    ...(dash === undefined ? {} : { dash }),
    start: !forward || back ? arrow(isBroken ? 'bad' : kind) : undefined,
    end: forward || back ? arrow(isBroken ? 'bad' : kind) : undefined,
  });
}

// Panels --------------------------------------------------------------------------------------------------------------

/** Schedule over the whole width; below it the others, beside each other where there is room. */
function sidePanels(analysis: Analysis, description: Description, width: number): { svg: string; height: number } {
  const schedule = schedulePanel(analysis, description, width);
  const flows = flowPanel(analysis, description);
  const falls = compromisePanel(analysis, description);
  const gap = 40;
  let y = 0;
  const parts: string[] = [];
  const put = (x: number, panel: Panel): void => void parts.push(group(x, y, [panel.svg]));
  if (schedule !== undefined) {
    put(0, schedule);
    y += schedule.height + PANEL_GAP;
  }
  put(0, flows);
  const rest = width - flows.width - falls.width - 2 * gap;
  if (flows.width + gap + falls.width > width) {
    y += flows.height + PANEL_GAP;
    put(0, falls);
    y += falls.height;
  } else {
    put(rest >= NARROWEST ? flows.width + gap : width - falls.width, falls);
    const ways = rest >= NARROWEST ? waysPanel(analysis, rest) : undefined;
    if (ways !== undefined) put(width - rest, ways);
    y += Math.max(flows.height, falls.height, ways?.height ?? 0);
    if (ways !== undefined) return { svg: group(0, 0, parts), height: y };
  }
  const ways = waysPanel(analysis, width);
  if (ways === undefined) return { svg: group(0, 0, parts), height: y };
  y += PANEL_GAP;
  put(0, ways);
  return { svg: group(0, 0, parts), height: y + ways.height };
}
