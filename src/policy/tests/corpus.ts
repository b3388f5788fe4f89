// The corpus of wrong descriptions: each file of faults/ holds a description with one fault, a line of `=====`, and the
// exact message.
import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Host } from '../index.ts';

const FAULTS = fileURLToPath(new URL('faults/', import.meta.url));

/** Names of the wrong descriptions: `NNN-what`, NNN the number of their message. */
export const faultNames = (): string[] =>
  globSync(`${FAULTS}*.txt`)
    .map((path) => basename(path, '.txt'))
    .toSorted();

export const faultPath = (name: string): string => `${FAULTS}${name}.txt`;

const halves = (name: string): string[] => readFileSync(faultPath(name), 'utf8').split('=====\n');

export const faultText = (name: string): string => halves(name)[0];

export const faultMessage = (name: string): string => halves(name)[1];

/** The host that the corpus is told of: what is called `there...` is there. */
export const faultHost: Host = {
  fileExists: (path) => /^(\.\/)?there/.test(path),
  folderExists: (path) => path.startsWith('there'),
  sha256: () => 'a'.repeat(64),
  images: ['debian'],
  firmware: ['opensbi'],
};
