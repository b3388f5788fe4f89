// Holds a key of Ed25519 that is made here and never leaves: not extractable, in a partition that only `gate` can ask.
import { crypto, port, text, utf8, type KeyPair } from 'virtsec/sdk';

const { subtle } = crypto;
const key = (await subtle.generateKey('Ed25519', false, ['sign', 'verify'])) as KeyPair;
const publicKey = await subtle.exportKey('raw', key.publicKey);

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

port.serve('sign', async (request) => {
  const [wish, message] = /^(\w+) ?(.*)$/s.exec(text(request))?.slice(1) ?? [];
  if (wish === 'public') return hex(publicKey);
  return hex(await subtle.sign('Ed25519', key.privateKey, utf8(message)));
});
