// Writes the reference of docs/sdk.md; a test of src/sdk tells when that is due.
import { readFileSync, writeFileSync } from 'node:fs';
import { sdkPage } from '../src/sdk/tests/sdk-page.ts';

const page = new URL('../docs/sdk.md', import.meta.url);
writeFileSync(page, sdkPage(readFileSync(page, 'utf8')));
