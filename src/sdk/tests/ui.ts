import { ChannelError, log, port, text } from 'virtsec/sdk';

const ask = port.client('ask');
await log(text(await ask.call('100 EUR')));
await log(text(await port.receiver('journal').receive()));
try {
  await ask.call('quit');
} catch (error) {
  await log(error instanceof ChannelError ? error.fault : String(error));
}
