import { readDescription, showDescription } from '../../policy/index.ts';
import { type Command, usageFailure } from '../command.ts';
import { findDescription, readDescriptionFile } from '../description-file.ts';
import { EXIT, Failure } from '../failure.ts';

export const command: Command = {
  name: 'plan',
  usage: 'plan [SYSTEM] --show [--json]',
  summary: 'Show the description of a system with every short form and default written out.',
  options: {
    show: { summary: 'write the expanded form, as YAML' },
    json: { summary: 'write it as one JSON document' },
  },
  async run(call, io) {
    if (call.words.length > 1) throw usageFailure(command, `one system at a time, not ${call.words.length}`);
    if (!call.has('show')) throw usageFailure(command, 'say what to do with the plan', 'virtsec plan SYSTEM --show');
    const { name, text, host } = await readDescriptionFile(findDescription('plan', call.words[0]));
    const reading = readDescription(name, text, { ...host, fileExists: () => true, folderExists: () => true });
    if (reading.description === undefined) throw new Failure(EXIT.usage, reading.messages.join('\n\n'));
    io.out(showDescription(reading.description, call.has('json') ? 'json' : 'yaml'));
    return EXIT.ok;
  },
};
