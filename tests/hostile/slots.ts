// When each attack on shared structures is made, in milliseconds from the start of all partitions. Before and after each is a time in which
// nobody attacks.
import { CHANNEL_ATTACKS } from './channel-attacks.ts';

export const BUCKET_MS = 20;
const SETTLE_MS = 500;
const QUIET_MS = 80;
const ATTACK_MS = 120;

type Span = readonly [from: number, to: number];

export function slotOf(number: number): Span {
  const from = SETTLE_MS + QUIET_MS + number * (ATTACK_MS + QUIET_MS);
  return [from, from + ATTACK_MS];
}
export const before = (number: number): Span => [slotOf(number)[0] - QUIET_MS, slotOf(number)[0]];
export const END_MS = before(CHANNEL_ATTACKS.length)[1];
