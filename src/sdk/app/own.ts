// The application in whose realm this module runs.
import { Application } from './application.ts';
import { ownLink } from './own-link.ts';

export const own = new Application(ownLink());

function shown(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return value.stack ?? String(value);
  try {
    return JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? `${one}n` : one)) ?? String(value);
  } catch {
    return String(value);
  }
}
const write = (...values: unknown[]): void => void own.log(values.map(shown).join(' '));

// Of ses, where there is one: a module that the application has from somebody else cannot change what the others hold.
const { harden } = globalThis as { harden?: (value: unknown) => void };
if (harden !== undefined) {
  harden(own);
  // What people write by habit goes to the system's log.
  const console = { debug: write, log: write, info: write, warn: write, error: write };
  harden(console);
  Object.defineProperty(globalThis, 'console', { value: console });
}
