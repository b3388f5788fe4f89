// The few forms that the picture is made of, as SVG text.
import type { ChannelKind } from '../description.ts';
import { harmless } from '../source.ts';

export const INK = { dark: '#27303f', text: '#1d2430', soft: '#5a6474', faint: '#eef0f4', rule: '#d5dae2' } as const;

export const PALETTE = {
  guest: { fill: '#eaf2fd', line: '#3f7fd6', text: '#2a62b0' },
  app: { fill: '#ebf7ee', line: '#3f9d5a', text: '#2a7a43' },
  driver: { fill: '#fff4e2', line: '#d98f2b', text: '#a5650c' },
  good: '#2a7a43',
  bad: '#cf2f35',
  kinds: { stream: '#38495f', call: '#7a3fb5', sampling: '#1f7fb8', queuing: '#b8600a', signal: '#6b7280' },
} as const satisfies { kinds: Readonly<Record<ChannelKind, string>> } & Record<string, unknown>;

/** A line and its name: names are drawn over all lines. */
export interface Drawn {
  readonly line: string;
  readonly label: string;
}

export interface Panel {
  readonly svg: string;
  readonly width: number;
  readonly height: number;
}

const FONT = "Inter, 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif";

export const escape = (words: string): string =>
  harmless(words).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** Estimated: no font can be asked. Wide enough for all that the font list names. */
export const textWidth = (words: string, size: number, weight = 400): number =>
  words.length * size * (weight > 500 ? 0.66 : 0.6);

const round = (value: number): number => Math.round(value * 10) / 10;

export interface TextStyle {
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly fill?: string;
  readonly weight?: number;
  /** White around the letters, where lines pass behind them. */
  readonly halo?: boolean;
  readonly rotate?: number;
}

export function text(x: number, y: number, words: string, size: number, style: TextStyle = {}): string {
  if (words === '') return '';
  const { anchor = 'start', fill = INK.text, weight = 400, halo = false, rotate } = style;
  const attributes = [
    `x="${round(x)}" y="${round(y)}" font-size="${size}" fill="${fill}"`,
    anchor === 'start' ? '' : ` text-anchor="${anchor}"`,
    weight === 400 ? '' : ` font-weight="${weight}"`,
    halo ? ' paint-order="stroke" stroke="#fff" stroke-width="4" stroke-linejoin="round"' : '',
    rotate === undefined ? '' : ` transform="rotate(${rotate} ${round(x)} ${round(y)})"`,
  ];
  return `<text ${attributes.join('')}>${escape(words)}</text>`;
}

export const box = (x: number, y: number, width: number, height: number, fill: string, line: string): string =>
  `<rect x="${x}" y="${y}" width="${round(width)}" height="${round(height)}" rx="8" fill="${fill}" stroke="${line}" stroke-width="1.5"/>`;

export const group = (x: number, y: number, parts: readonly string[]): string => {
  const inner = parts.filter((part) => part !== '').join('\n');
  return x === 0 && y === 0 ? `<g>${inner}</g>` : `<g transform="translate(${round(x)} ${round(y)})">${inner}</g>`;
};

export interface PathStyle {
  readonly stroke: string;
  readonly width: number;
  readonly dash?: string;
  readonly start: string | undefined;
  readonly end: string | undefined;
}

export function path(d: string, { stroke, width, dash, start, end }: PathStyle): string {
  const rounded = d.replaceAll(/-?\d+\.\d+/g, (number) => String(round(Number(number))));
  return [
    `<path d="${rounded}" fill="none" stroke="${stroke}" stroke-width="${width}"`,
    dash === undefined ? '' : ` stroke-dasharray="${dash}"`,
    start === undefined ? '' : ` marker-start="url(#${start})"`,
    end === undefined ? '' : ` marker-end="url(#${end})"`,
    '/>',
  ].join('');
}

export const arrow = (kind: ChannelKind | 'bad'): string => `arrow-${kind}`;

const marker = (kind: ChannelKind | 'bad', colour: string): string =>
  `<marker id="${arrow(kind)}" viewBox="0 0 10 10" refX="8.5" refY="5" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0 0.8 L10 5 L0 9.2 z" fill="${colour}"/></marker>`;

/** The whole document. */
export function stack(width: number, height: number, parts: readonly string[]): string {
  const kinds = Object.entries(PALETTE.kinds) as [ChannelKind, string][];
  const markers = [...kinds.map(([kind, colour]) => marker(kind, colour)), marker('bad', PALETTE.bad)].join('');
  const [w, h] = [Math.ceil(width), Math.ceil(height)];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}" font-family="${escape(FONT)}">`,
    `<defs>${markers}</defs>`,
    `<rect width="${w}" height="${h}" fill="#fff"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}
