// Writes docs/messages.md; a test of src/policy tells when that is due.
import { writeFileSync } from 'node:fs';
import { messagesPage } from '../src/policy/tests/messages-page.ts';

writeFileSync(new URL('../docs/messages.md', import.meta.url), messagesPage());
