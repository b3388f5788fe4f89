// Holds a key that never leaves it: made when it starts, kept by the crypto of the host, not extractable.
import { crypto, port, type Key } from 'virtsec/sdk';

const { subtle } = crypto;
const key = (await subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])) as Key;

port.serve('sign', async (message) => {
  const signature = await subtle.sign('HMAC', key, message);
  return Array.from(signature, (byte) => byte.toString(16).padStart(2, '0')).join('');
});
