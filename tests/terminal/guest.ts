// A run whose guest asks the terminal for its cursor's place in its last moment, and leaves a sequence open and mouse reports on.
// `settle` or `restore`: how the run gives the terminal back.
import { writeSync } from 'node:fs';
import { openTerminal } from '../../src/cli/terminal.ts';

const raw = openTerminal();
writeSync(1, 'question\x1b[6n\x1b[?1003h\x1b]0;title');
if (process.argv[2] === 'settle') await raw.settle();
raw.restore();
writeSync(1, 'given back\n');
process.exit(0);
