// The application in whose realm this module runs.
import { Application } from './application.ts';
import { ownLink } from './own-link.ts';

export const own = new Application(ownLink());

// Of ses, where there is one: a module that the application has from somebody else cannot change what the others hold.
(globalThis as { harden?: (value: unknown) => void }).harden?.(own);
