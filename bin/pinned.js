#!/usr/bin/env node
// `node bin/pinned.js FILE ARGS`: runs a TypeScript file of this repository with the pinned Node, whatever Node starts it.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runsOnPinnedNode, startPinned } from './launch.js';

const [file, ...args] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write('usage: node bin/pinned.js FILE [ARGUMENT]...\n');
  process.exit(2);
}
if (runsOnPinnedNode()) {
  process.argv.splice(1, 2, resolve(file));
  // oxlint-disable-next-line typescript/no-floating-promises -- the last thing that this file does
  import(pathToFileURL(resolve(file)).href);
} else {
  startPinned(resolve(file), args);
}
