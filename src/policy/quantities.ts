// Sizes and times as the description writes them: `64K`, `256M`, `1G`; `50us`, `5ms`, `1s`.

const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, K: 1 << 10, M: 1 << 20, G: 1 << 30 };
/** In microseconds. */
const TIME_UNITS: Readonly<Record<string, number>> = { us: 1, ms: 1e3, s: 1e6, m: 60e6, h: 3600e6 };

/** Bytes, or undefined when the text is no size. Units are powers of two. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d{1,15})([KMG]?)$/.exec(text);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * SIZE_UNITS[match[2]];
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Seconds, or undefined when the text is no time. The unit must be there. */
export function parseTime(text: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,9})?)(us|ms|s|m|h)$/.exec(text);
  return match === null ? undefined : (Number(match[1]) * TIME_UNITS[match[2]]) / 1e6;
}

/** The shortest exact form: 268435456 -> `256M`. */
export function formatSize(bytes: number): string {
  for (const unit of ['G', 'M', 'K']) {
    if (bytes > 0 && bytes % SIZE_UNITS[unit] === 0) return `${bytes / SIZE_UNITS[unit]}${unit}`;
  }
  return String(bytes);
}

/** The shortest exact form of microseconds: 5000 -> `5ms`. */
export function formatTime(micros: number): string {
  if (micros > 0 && micros % 1e6 === 0) return `${micros / 1e6}s`;
  return micros >= 1000 || micros === 0 ? `${micros / 1000}ms` : `${micros}us`;
}

/** A span of a frame: `0-5ms`, `500us-1ms`. */
export function formatSpan(start: number, end: number): string {
  const last = formatTime(end);
  return `${start === 0 ? '0' : formatTime(start)}-${last}`;
}
