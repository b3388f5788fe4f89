// Links between the documents lead somewhere: to files, and to headings in them.
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const root = path.resolve(import.meta.dirname, '..');
const PAGES = globSync(['README.md', 'docs/**/*.md', 'systems/*/README.md'], { cwd: root });

/** Headings as code hosts name them in links. */
const anchorsOf = (text: string): Set<string> =>
  new Set(
    [...text.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      title
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  );

function deadLinks(page: string, text: string): string[] {
  const plain = text.replaceAll(/^```[^]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '');
  const targets = [...plain.matchAll(/\]\(([^()\s]+)\)/g)].map((match) => match[1]).filter((to) => !/^\w+:/.test(to));
  return targets.filter((target) => {
    const [file, anchor] = target.split('#');
    const to = file === '' ? page : path.join(path.dirname(page), file);
    if (!existsSync(path.join(root, to))) return true;
    return anchor !== undefined && !anchorsOf(readFileSync(path.join(root, to), 'utf8')).has(anchor);
  });
}

for (const page of PAGES) {
  test(`links of ${page}`, () => assert.deepEqual(deadLinks(page, readFileSync(path.join(root, page), 'utf8')), []));
}

test('control: dead links are found', () => {
  const text = '[a](nowhere.md) [b](proof.md#nothing) [c](proof.md#the-proof) `[d](code.md)` [e](https://example.org/)';
  assert.deepEqual(deadLinks('docs/page.md', text), ['nowhere.md', 'proof.md#nothing']);
});
