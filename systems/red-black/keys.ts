// Makes the key of this run, and shows it to `cipher` alone. Nothing leads here.
import { crypto, port, time } from 'virtsec/sdk';

const key = crypto.getRandomValues(new Uint8Array(32));
const out = port.writer('key');
await out.write(key);
time.every(500, () => out.write(key));
