import type { Plan } from '../plan.ts';
import type { Transport, TransportEvents, TransportOptions } from './transport.ts';

export function openPipeTransport(
  plan: Plan,
  reason: string,
  options: TransportOptions,
  events: TransportEvents,
): Transport {
  void plan;
  void options;
  void events;
  throw new Error(reason);
}
