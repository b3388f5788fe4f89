// The application __NAME__: answers the calls of its channel `ask`, and tells each in its channel `journal`.
// All that it can reach stands in system.yaml; `virtsec check` shows it.
import { log, port, text } from 'virtsec/sdk';

const journal = port.sender('journal');
let answered = 0;

port.serve('ask', async (request) => {
  answered += 1;
  await journal.send(`${answered}: ${text(request)}`);
  return `hello, ${text(request)}`;
});

await log('__NAME__ is up');
