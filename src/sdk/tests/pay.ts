import { exit, log, port, text } from 'virtsec/sdk';
import { reply } from './reply.ts';

const sign = port.client('sign');
const journal = port.sender('journal');

port.serve('ask', async (request) => {
  const what = text(request);
  if (what === 'quit') return exit(7);
  if (what === 'crash') throw new Error('crashed on purpose');
  await journal.send(`asked: ${what}`);
  return reply(text(await sign.call(request)));
});
await log('pay is up');
