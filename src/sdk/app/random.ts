// virtsec/sdk/random where the hosted kernel, or the test bed, is beneath: the names of sdk/metal/random.ts that programs use.
import { OK } from '../../kernel/abi.ts';
import { own } from './own.ts';

export class Random {
  readonly byte = new Uint8Array(1);
}
export const beginRandom = (_r: Random): number => OK;
export const randomByte = (r: Random): number => own.crypto.getRandomValues(r.byte)[0];
