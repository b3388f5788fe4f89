import { writeFileSync } from 'node:fs';
import { newKeys } from '../../kernel/plan-signature.ts';
import { type Command, usageFailure } from '../command.ts';
import { EXIT, Failure } from '../failure.ts';

export const command: Command = {
  name: 'key',
  usage: 'key new FILE',
  summary: 'Make a pair of keys that plans are signed with.',
  words: ['new'],
  options: {},
  details: `
Writes a private Ed25519 key to FILE, which you alone can read, and its public key to FILE.pub. Neither may be there already.

Examples:
  virtsec key new plans.key
  virtsec plan payment-terminal --sign plans.key -o terminal.plan
  virtsec plan terminal.plan --verify plans.key.pub`,

  run(call, io) {
    const [what, file, ...more] = call.words;
    if (what !== 'new' || file === undefined || more.length > 0) {
      throw usageFailure(command, 'say where the keys go', 'virtsec key new FILE');
    }
    const { privatePem, publicPem } = newKeys();
    // The public key first: if that fails there is no private key that nobody knows of.
    writeNew(`${file}.pub`, publicPem, 0o644);
    writeNew(file, privatePem, 0o600);
    io.out(`${file}: private key; ${file}.pub: public key\n`);
    return Promise.resolve(EXIT.ok);
  },
};

function writeNew(file: string, text: string, mode: number): void {
  try {
    writeFileSync(file, text, { mode, flag: 'wx' });
  } catch (error) {
    throw new Failure(EXIT.usage, `virtsec key: ${(error as Error).message}`);
  }
}
