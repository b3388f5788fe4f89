// The report of `virtsec check` as text for a terminal.
import type { Analysis } from '../analysis/analysis.ts';
import { formatSpan, formatTime } from '../quantities.ts';
import { harmless } from '../source.ts';

/** How the parts of the report are coloured; the same text without colours. */
export interface Paint {
  title(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  dim(text: string): string;
}

const list = (names: readonly string[], most = 8): string =>
  names.length <= most
    ? names.join(', ')
    : `${names.slice(0, most - 1).join(', ')} and ${names.length - most + 1} more`;

/** `sandbox ×4` for all replicas of a form. */
function forms({ replicaOf }: Analysis, names: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(replicaOf[name] ?? name, (counts.get(replicaOf[name] ?? name) ?? 0) + 1);
  return [...counts].map(([form, n]) => {
    const whole = Object.values(replicaOf).filter((other) => other === form).length;
    if (whole === 0) return form;
    return n === whole ? `${form} ×${n}` : names.filter((name) => replicaOf[name] === form).join(', ');
  });
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

export function reportText(analysis: Analysis, paint: Paint): string {
  const sections = [
    assertions(analysis, paint),
    flows(analysis, paint),
    schedule(analysis, paint),
    undeclared(analysis, paint),
    compromise(analysis, paint),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .flatMap((lines) => [...lines, ''])
    .concat('')
    .join('\n');
}

function assertions({ assertions }: Analysis, paint: Paint): string[] {
  if (assertions.length === 0) return [];
  const width = Math.max(...assertions.map(({ text }) => text.length));
  return [
    paint.title('Assertions'),
    ...assertions.map(({ text, holds, isEmpty, place }) => {
      const word = holds ? paint.good('holds ') : paint.bad('BROKEN');
      const note = isEmpty ? ' (nothing flows there at all)' : '';
      return `  ${word}  ${text.padEnd(width)}  ${paint.dim(place + note)}`;
    }),
  ];
}

/** Rows tell columns: `■` directly, `·` through others. */
function flows({ partitions, flows }: Analysis, paint: Paint): string[] {
  const width = Math.max(...partitions.map((name) => name.length));
  const direct = new Set(flows.direct.map(({ from, to }) => `${from} ${to}`));
  // Column heads are numbers when names would make the table too wide.
  const wide = partitions.reduce((sum, name) => sum + Math.max(3, name.length) + 2, width + 6) > 110;
  const heads = partitions.map((name, i) => (wide ? String(i + 1) : name));
  const cell = (text: string, i: number): string =>
    text.padStart(Math.ceil(heads[i].length / 2)).padEnd(heads[i].length);
  const rows = partitions.map((from, i) => {
    const cells = partitions.map((to, j) => {
      if (from === to) return cell('-', j);
      if (direct.has(`${from} ${to}`)) return cell('■', j);
      if (flows.bySchedule[from].includes(to)) return cell('~', j);
      return cell(flows.transitive[from].includes(to) ? '·' : ' ', j);
    });
    const number = wide ? `${String(i + 1).padStart(2)} ` : '';
    return `  ${number}${from.padEnd(width)}  ${cells.join('  ')}`.trimEnd();
  });
  const hasSchedule = Object.values(flows.bySchedule).some((some) => some.length > 0);
  const separate = flows.separate.length;
  const pairs = (partitions.length * (partitions.length - 1)) / 2;
  return [
    paint.title('Flows') +
      paint.dim('  the row tells the column: ■ directly, · through others, ') +
      paint.dim(`${hasSchedule ? '~ by a switch of modes alone, ' : ''}blank: never`),
    `  ${wide ? '   ' : ''}${' '.repeat(width)}  ${heads.join('  ')}`,
    ...rows,
    `  ${paint.dim(`${separate} of ${count(pairs, 'pair')} ${separate === 1 ? 'is' : 'are'} wholly separate: no chain of flows joins them, in either direction`)}`,
  ];
}

const BAR = 40;

function schedule({ schedule, unbounded }: Analysis, paint: Paint): string[] {
  if (schedule.length === 0) return [];
  const lines = [paint.title('Schedule')];
  for (const { mode, frame, cores } of schedule) {
    lines.push(`  mode ${mode}, frame ${formatTime(frame)}`);
    for (const { core, used, windows } of cores) {
      const bar = Array.from({ length: BAR }, (_, i) => {
        const at = ((i + 0.5) / BAR) * frame;
        const index = windows.findIndex(({ start, end }) => start <= at && at < end);
        return index < 0 ? ' ' : index % 2 === 0 ? '█' : '▒';
      }).join('');
      const spans = windows.map(({ partition, start, end }) => `${partition} ${formatSpan(start, end)}`);
      lines.push(`    core ${core} ▕${bar}▏ ${String(Math.round(used * 100)).padStart(3)} %  ${spans.join(', ')}`);
    }
  }
  return [...lines, ...unbounded.map((sentence) => paint.dim(`  ${sentence}`))];
}

function undeclared({ undeclared }: Analysis, paint: Paint): string[] {
  if (undeclared.length === 0) return [];
  const width = Math.max(...undeclared.map(({ kind }) => kind.length));
  return [
    paint.title('Beside the channels') + paint.dim('  ways to notice or to stop each other that are no messages'),
    ...undeclared.map(({ kind, sentence, place }) => {
      const word = kind === 'dma' && sentence.includes('ALL') ? paint.bad(kind.padEnd(width)) : kind.padEnd(width);
      return `  ${word}  ${sentence}${place === undefined ? '' : `  ${paint.dim(place)}`}`;
    }),
  ];
}

function compromise(analysis: Analysis, paint: Paint): string[] {
  const { compromise, partitions, replicaOf } = analysis;
  const { takesAll } = compromise;
  // Of replicas the first stands for all.
  const isFirst = (name: string | undefined): boolean =>
    name === undefined ||
    partitions.find((one) => replicaOf[one] === replicaOf[name] && replicaOf[one] !== undefined) === name ||
    replicaOf[name] === undefined;
  const components = compromise.components.filter(({ partition }) => isFirst(partition));
  const reach = compromise.reach.filter(({ partition }) => isFirst(partition));
  const title = (name: string): string => (replicaOf[name] === undefined ? name : `${name} (of ${replicaOf[name]})`);
  const falls = (names: readonly string[]): string =>
    names.length === partitions.length && partitions.length > 1 ? 'everything' : list(names, 3);
  const rows = components.map(({ kind, partition, falls: own, monolithic, dom0 }) => [
    kind === 'kernel' ? 'kernel' : kind === 'VMM' ? `VMM of ${title(partition!)}` : `${kind} ${title(partition!)}`,
    falls(own),
    falls(monolithic),
    falls(dom0),
  ]);
  const heads = ['If this falls', 'here falls', 'in a monolith', 'with a dom0'];
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => row[i].length)));
  const line = (cells: readonly string[]): string[] => cells.map((cell, i) => cell.padEnd(widths[i]));
  const alarm = (cell: string): string => (cell.startsWith('everything') ? paint.bad(cell) : cell);
  const said = (names: readonly string[]): string => (names.length === 0 ? 'nobody' : list(forms(analysis, names)));
  const width = Math.max(...partitions.map((name) => name.length));
  return [
    paint.title(line(heads).join('  ').trimEnd()),
    ...rows.map((row) => line(row).map(alarm).join('  ').trimEnd()),
    `  Of ${compromise.components.length} components ${takesAll.virtsec} takes everything when it falls, ${takesAll.monolithic} in a monolith, ${takesAll.dom0} with a dom0.`,
    '',
    paint.title('What a fallen partition can do'),
    ...reach.flatMap(({ partition, reads, writes, schedule, ends, beyond, never, holds }) => [
      `  ${partition.padEnd(width)}  tells ${said(writes)}; hears ${said(reads)}`,
      ...(holds.length === 0 ? [] : [`  ${' '.repeat(width)}  has in its hands: ${harmless(holds.join('; '))}`]),
      ...(schedule.length === 0
        ? []
        : [`  ${' '.repeat(width)}  ${paint.dim(`by the schedule's mode alone: ${said(schedule)}`)}`]),
      ...(ends.length === 0
        ? []
        : [`  ${' '.repeat(width)}  ${paint.dim(`by the end of those that it manages: ${said(ends)}`)}`]),
      ...(beyond.length === 0
        ? []
        : [`  ${' '.repeat(width)}  ${paint.dim(`only if those pass it on: ${said(beyond)}`)}`]),
      ...(never.length === 0 ? [] : [`  ${' '.repeat(width)}  ${paint.dim(`never: ${said(never)}`)}`]),
    ]),
  ];
}
