import type { Command } from '../command.ts';
import { EXIT } from '../failure.ts';
import { coreText, versions, versionText } from '../version.ts';

export const command: Command = {
  name: 'version',
  usage: 'version [--json]',
  summary: 'Show the versions of Virtsec and of the Node that runs it.',
  options: { json: { summary: 'one JSON document' } },
  run(call, io) {
    io.out(call.has('json') ? `${JSON.stringify(versions())}\n` : `${versionText()}\n${coreText()}\n`);
    return Promise.resolve(EXIT.ok);
  },
};
