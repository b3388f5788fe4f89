import type { Command } from '../command.ts';
import { EXIT } from '../failure.ts';
import { provedCore } from '../../kernel/proved-core.ts';
import { coreText, versions, versionText } from '../version.ts';

export const command: Command = {
  name: 'version',
  usage: 'version [--json]',
  summary: 'Show the versions of Virtsec and Node, and whether the kernel core here is the proved one.',
  options: { json: { summary: 'one JSON document' } },
  run(call, io) {
    io.out(
      call.has('json')
        ? `${JSON.stringify({ ...versions(), core: provedCore() })}\n`
        : `${versionText()}\n${coreText()}\n`,
    );
    return Promise.resolve(EXIT.ok);
  },
};
