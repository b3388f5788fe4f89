// Somebody to try __NAME__ with: calls it, shows what comes back, and ends the system.
import { log, port, shutDown, text } from 'virtsec/sdk';

const ask = port.client('ask');
await log(`__NAME__ says: ${text(await ask.call('world'))}`);
const entry = await port.receiver('journal').receive({ within: 1000 });
await log(`its journal: ${entry === undefined ? 'nothing' : text(entry)}`);
await shutDown();
