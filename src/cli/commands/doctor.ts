import type { Command } from '../command.ts';
import { EXIT } from '../failure.ts';
import { examineHost, type Finding } from '../host-checks.ts';
import { versions } from '../version.ts';

const TITLES: Readonly<Record<Finding['group'], string>> = {
  needed: 'Needed',
  isolation: 'Isolation: each layer that is here stands around every partition',
  images: 'Guest images',
  tests: 'For the tests of Virtsec itself',
};

export const command: Command = {
  name: 'doctor',
  usage: 'doctor [--json]',
  summary: 'Show what this host can enforce, and what to install.',
  options: { json: { summary: 'write one JSON document' } },
  details: 'Exit status 1 when something is missing without which Virtsec does not run at all.',

  async run(call, io) {
    const findings = await examineHost();
    const works = findings.every((finding) => finding.ok || finding.group !== 'needed');
    if (call.has('json')) {
      io.out(`${JSON.stringify({ schema: 'virtsec.doctor/1', ok: works, versions: versions(), findings })}\n`);
      return works ? EXIT.ok : EXIT.failed;
    }
    const width = Math.max(...findings.map((finding) => finding.name.length));
    for (const group of Object.keys(TITLES) as Finding['group'][]) {
      io.out(`${io.paint('out', 'bold', TITLES[group])}\n`);
      for (const finding of findings.filter((other) => other.group === group)) {
        const state = finding.ok ? io.paint('out', 'green', 'ok     ') : io.paint('out', 'yellow', 'missing');
        io.out(`  ${state}  ${finding.name.padEnd(width)}  ${finding.found}\n`);
        const indent = ' '.repeat(width + 13);
        io.out(`${indent}${io.paint('out', 'dim', finding.why)}\n`);
        if (!finding.ok && finding.help !== undefined) io.out(`${indent}-> ${finding.help}\n`);
      }
    }
    return works ? EXIT.ok : EXIT.failed;
  },
};
