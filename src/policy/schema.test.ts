// The JSON Schema that editors use, held against the reader: same fields, right descriptions valid, wrong shapes not.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { FIELDS } from './description.ts';
import { readDescription, showDescription } from './index.ts';
import { type Schema, schemaErrors } from './tests/json-schema.ts';
import { faultNames, faultText } from './tests/corpus.ts';

const schema = JSON.parse(readFileSync(new URL('schema.json', import.meta.url), 'utf8')) as Schema;
const host = { fileExists: () => true, images: ['debian'], firmware: ['opensbi'] };
const examples = globSync(`${import.meta.dirname}/../../systems/*/system.yaml`);

test('the JSON Schema knows the fields of the format, and no others', () => {
  const fields = (part: Schema | undefined) => Object.keys(part?.properties ?? {}).toSorted();
  assert.deepEqual(fields(schema), FIELDS.system.toSorted());
  const { system: _, label: __, ...parts } = FIELDS;
  for (const [part, names] of Object.entries(parts)) {
    assert.deepEqual(fields(schema.$defs?.[part]), names.toSorted(), part);
  }
});

test('the examples are valid as they are written, and with every short form written out', () => {
  assert.ok(examples.length >= 10);
  for (const path of examples) {
    const text = readFileSync(path, 'utf8');
    assert.deepEqual(schemaErrors(schema, parse(text)), [], path);
    const { description } = readDescription(path, text, host);
    assert.ok(description, path);
    assert.deepEqual(schemaErrors(schema, parse(showDescription(description, 'yaml'))), [], path);
  }
});

/** Faults of shape that a schema cannot say, or says more kindly than the reader. */
const BEYOND = [
  '101-ready-empty',
  '103-', // which fields go together with which kind
  '105-ready-pattern',
  '105-bytes-power',
  '105-memory-',
  '105-frame-short',
  '105-message-bytes',
  '105-time-long',
  '102-call-within',
  '102-sampling-refresh',
  '106-device-name',
  '107-assertion-both',
];

test('wrong shapes are marked by an editor too', () => {
  const shapes = faultNames().filter((name) => /^1(?!04|09)/.test(name));
  const unseen = shapes.filter((name) => {
    return schemaErrors(schema, parse(faultText(name))).length === 0;
  });
  assert.deepEqual(
    unseen.filter((name) => !BEYOND.some((one) => name.startsWith(one))),
    [],
  );
  assert.ok(unseen.length < shapes.length / 2, `${unseen.length} of ${shapes.length} are not marked`);
});
