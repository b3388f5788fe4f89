// The tables below the picture: windows of the schedule, who reaches whom, what falls with what.
import type { Analysis } from '../analysis/analysis.ts';
import type { Component } from '../analysis/compromise.ts';
import type { Description } from '../description.ts';
import { formatTime } from '../quantities.ts';
import { formOf } from './layout.ts';
import { group, INK, PALETTE, type Panel, text, textWidth } from './svg.ts';

const HEAD = 30;

const heading = (words: string, note = ''): string =>
  group(0, 0, [
    text(0, 14, words, 14, { weight: 700 }),
    text(textWidth(words, 14, 700) + 12, 14, note, 11, { fill: INK.soft }),
  ]);

/** Replicas are told once, as the form that they are of. */
const formsOf = ({ partitions }: Description): Map<string, string> =>
  new Map(partitions.map((partition) => [partition.name, formOf(partition)]));

const BAR_HEIGHT = 24;

export function schedulePanel({ schedule }: Analysis, description: Description, width: number): Panel | undefined {
  if (schedule.length === 0) return undefined;
  const forms = new Map(description.partitions.map((partition) => [partition.name, partition.form]));
  const left = 64;
  const span = width - left - 56;
  const parts = [heading('Windows')];
  let y = HEAD;
  for (const { mode, frame, cores } of schedule) {
    parts.push(text(0, y + 10, `mode ${mode}`, 12, { weight: 600 }));
    parts.push(text(left + span, y + 10, `frame ${formatTime(frame)}`, 11, { anchor: 'end', fill: INK.soft }));
    y += 18;
    for (const { core, used, windows } of cores) {
      parts.push(text(0, y + 16, `core ${core}`, 11, { fill: INK.soft }));
      parts.push(`<rect x="${left}" y="${y}" width="${span}" height="${BAR_HEIGHT}" rx="3" fill="${INK.faint}"/>`);
      for (const { partition, start, end } of windows) {
        const [x, w] = [left + (start / frame) * span, ((end - start) / frame) * span];
        const colours = PALETTE[forms.get(partition) ?? 'app'];
        const fits = textWidth(partition, 10) + 6 <= w;
        const shown = fits
          ? partition
          : textWidth('…', 10) + 24 <= w
            ? `${partition.slice(0, Math.floor((w - 12) / 5.8))}…`
            : '';
        parts.push(
          group(x, y, [
            `<rect width="${Math.max(1, w - 1).toFixed(1)}" height="${BAR_HEIGHT}" rx="3" fill="${colours.fill}" stroke="${colours.line}"><title>${partition} ${formatTime(start)} to ${formatTime(end)}</title></rect>`,
            text(w / 2, 16, shown, 10, { anchor: 'middle', fill: colours.text }),
          ]),
        );
      }
      parts.push(text(width, y + 16, `${Math.round(used * 100)} %`, 11, { anchor: 'end', fill: INK.soft }));
      y += BAR_HEIGHT + 5;
    }
    parts.push(...ticks(frame, left, span, y));
    y += 26;
  }
  return { svg: group(0, 0, parts), width, height: y - 8 };
}

/** Times under the windows, at a round distance. */
function ticks(frame: number, left: number, span: number, y: number): string[] {
  const step =
    [100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 1e7].find((one) => frame / one <= 10) ?? frame;
  return Array.from({ length: Math.floor(frame / step) + 1 }, (_, i) =>
    text(left + ((i * step) / frame) * span, y + 8, formatTime(i * step), 9, {
      anchor: i === 0 ? 'start' : 'middle',
      fill: INK.soft,
    }),
  );
}

const CELL = 20;

export function flowPanel({ partitions, flows }: Analysis, description: Description): Panel {
  const forms = formsOf(description);
  const names = [...new Set(partitions.map((name) => forms.get(name)!))];
  const pairs = (links: Iterable<readonly [string, string]>): Set<string> =>
    new Set([...links].map(([from, to]) => `${forms.get(from)} ${forms.get(to)}`));
  const known = flows.direct.filter(({ from, to }) => forms.has(from) && forms.has(to));
  const direct = pairs(known.map(({ from, to }) => [from, to] as const));
  const chains = pairs(Object.entries(flows.transitive).flatMap(([from, to]) => to.map((one) => [from, one] as const)));
  const left = Math.max(...names.map((name) => textWidth(name, 11))) + 14;
  const top = HEAD + 12 + Math.max(...names.map((name) => textWidth(name, 11))) * 0.72;
  const parts = [heading('Who reaches whom', 'the row tells the column')];
  for (const [i, name] of names.entries()) {
    parts.push(text(left - 8, top + i * CELL + 14, name, 11, { anchor: 'end' }));
    parts.push(text(left + i * CELL + 8, top - 6, name, 11, { rotate: -45 }));
    for (const [j, to] of names.entries()) {
      const [x, y] = [left + j * CELL, top + i * CELL];
      const key = `${name} ${to}`;
      const isSelf = i === j;
      // On the diagonal of a form stands whether its replicas are separate.
      const joined = isSelf && chains.has(key);
      const fill = isSelf && !joined ? INK.faint : '#fff';
      parts.push(
        `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${CELL}" height="${CELL}" fill="${fill}" stroke="${INK.rule}"/>`,
      );
      const [cx, cy] = [(x + CELL / 2).toFixed(1), (y + CELL / 2).toFixed(1)];
      if (joined) parts.push(`<circle cx="${cx}" cy="${cy}" r="6" fill="${PALETTE.bad}"/>`);
      else if (isSelf) continue;
      else if (direct.has(key)) {
        parts.push(
          `<rect x="${(x + 4).toFixed(1)}" y="${(y + 4).toFixed(1)}" width="12" height="12" rx="2" fill="${INK.dark}"/>`,
        );
      } else if (chains.has(key)) parts.push(`<circle cx="${cx}" cy="${cy}" r="2.4" fill="${INK.soft}"/>`);
    }
  }
  const bottom = top + names.length * CELL;
  parts.push(
    group(left, bottom + 16, [
      `<rect y="-8" width="10" height="10" rx="2" fill="${INK.dark}"/>`,
      text(16, 1, 'by a channel', 10, { fill: INK.soft }),
      `<circle cx="92" cy="-3" r="2.4" fill="${INK.soft}"/>`,
      text(100, 1, 'only if others pass it on', 10, { fill: INK.soft }),
    ]),
  );
  const width = Math.max(left + names.length * CELL + 60, left + 230);
  return { svg: group(0, 0, parts), width, height: bottom + 24 };
}

const FALL_BAR = 118;
const FLAWS = 'these take everything';

export function compromisePanel({ compromise, partitions }: Analysis, description: Description): Panel {
  const forms = formsOf(description);
  const seen = new Set<string>();
  const rows = compromise.components.filter(({ kind, partition }) => {
    const key = `${kind} ${partition === undefined ? '' : forms.get(partition)}`;
    return !seen.has(key) && seen.add(key) !== undefined;
  });
  const title = ({ kind, partition }: Component): string => {
    const name = partition === undefined ? '' : forms.get(partition)!;
    const many = name === partition ? '' : ' (each)';
    return kind === 'kernel' ? 'the kernel' : kind === 'VMM' ? `VMM of ${name}${many}` : `${kind} ${name}${many}`;
  };
  const left = Math.max(textWidth(FLAWS, 11, 700), ...rows.map((row) => textWidth(title(row), 11))) + 16;
  const heads = ['in this system', 'monolithic', 'with a dom0'];
  const parts = [heading('If this falls, so much falls with it')];
  for (const [i, head] of heads.entries()) {
    parts.push(
      text(left + i * (FALL_BAR + 16), HEAD + 12, head, 11, { weight: 600, fill: i === 0 ? PALETTE.good : INK.soft }),
    );
  }
  let y = HEAD + 22;
  for (const row of rows) {
    parts.push(text(left - 12, y + 12, title(row), 11, { anchor: 'end' }));
    for (const [i, falls] of [row.falls, row.monolithic, row.dom0].entries()) {
      const share = falls.length / partitions.length;
      const x = left + i * (FALL_BAR + 16);
      const isAll = share === 1 && partitions.length > 1;
      const fill = isAll ? PALETTE.bad : '#f0a8aa';
      parts.push(
        group(x, y, [
          `<rect width="${FALL_BAR}" height="15" rx="3" fill="${INK.faint}"/>`,
          `<rect width="${Math.max(4, share * FALL_BAR).toFixed(1)}" height="15" rx="3" fill="${fill}"/>`,
          text(FALL_BAR / 2, 11.5, isAll ? 'everything' : `${falls.length} of ${partitions.length}`, 10, {
            anchor: 'middle',
            fill: isAll ? '#fff' : INK.soft,
          }),
        ]),
      );
    }
    y += 20;
  }
  const { takesAll } = compromise;
  const of = compromise.components.length;
  parts.push(text(left - 12, y + 16, FLAWS, 11, { anchor: 'end', weight: 600 }));
  for (const [i, count] of [takesAll.virtsec, takesAll.monolithic, takesAll.dom0].entries()) {
    parts.push(
      text(left + i * (FALL_BAR + 16), y + 16, `${count} of ${of}`, 12, {
        weight: 700,
        fill: i === 0 ? PALETTE.good : PALETTE.bad,
      }),
    );
  }
  return { svg: group(0, 0, parts), width: left + 3 * (FALL_BAR + 16), height: y + 24 };
}

const SENTENCE = 11;

/** Ways that are no channels, each as a sentence. */
export function waysPanel({ undeclared }: Analysis, width: number): Panel | undefined {
  if (undeclared.length === 0) return undefined;
  const parts = [heading('Beside the channels')];
  let y = HEAD + 8;
  for (const { sentence, kind } of undeclared) {
    const fill = kind === 'dma' && sentence.includes('ALL') ? PALETTE.bad : INK.text;
    parts.push(`<circle cx="3" cy="${y - 4}" r="2.4" fill="${fill}"/>`);
    for (const line of wrap(sentence, width - 14)) {
      parts.push(text(14, y, line, SENTENCE, { fill }));
      y += 15;
    }
    y += 5;
  }
  return { svg: group(0, 0, parts), width, height: y - 12 };
}

function wrap(sentence: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of sentence.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && textWidth(`${last} ${word}`, SENTENCE) <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
