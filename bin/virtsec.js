#!/usr/bin/env node
// The `virtsec` command. On an older Node it starts itself again with the pinned one.
import { fileURLToPath, pathToFileURL } from 'node:url';
import { runsOnPinnedNode, startPinned } from './launch.js';
import { mainModule } from './sources.js';

if (runsOnPinnedNode()) {
  // oxlint-disable-next-line typescript/no-floating-promises -- the last thing that this file does
  import(pathToFileURL(mainModule()).href).then(({ main }) => main(process.argv.slice(2)));
} else {
  startPinned(fileURLToPath(import.meta.url), process.argv.slice(2));
}
