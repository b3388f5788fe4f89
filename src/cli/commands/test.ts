// Tests of applications need two flags of Node, and the Node that Virtsec is made for: so that nobody has to know them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Command } from '../command.ts';
import { EXIT } from '../failure.ts';

export const command: Command = {
  name: 'test',
  usage: 'test [FILE]...',
  summary: "Run the tests of a project with Node's test runner.",
  options: {},
  details: `
Runs node --test, by default every *.test.ts below this folder, with what virtsec/sdk/testing needs: applications run in
this process on the real kernel core, each in a realm of its own.`,

  async run(call) {
    const flags = ['--disable-warning=ExperimentalWarning', '--experimental-vm-modules', '--test'];
    const child = spawn(process.execPath, [...flags, ...call.words], { stdio: 'inherit' });
    const [status] = (await once(child, 'exit')) as [number | null];
    return status === 0 ? EXIT.ok : EXIT.failed;
  },
};
