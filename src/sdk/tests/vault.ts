import { crypto, port, type Key } from 'virtsec/sdk';

const key = (await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])) as Key;
port.serve('sign', async (request) => {
  const signature = await crypto.subtle.sign('HMAC', key, request);
  return signature.subarray(0, 4).length === 4 ? 'ok' : 'short';
});
