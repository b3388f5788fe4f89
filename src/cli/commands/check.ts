import { writeFileSync } from 'node:fs';
import {
  analyse,
  claimFaults,
  type Description,
  findings,
  formatFaults,
  type Host,
  PRESENCE,
  readDescription,
  VALIDATORS,
} from '../../policy/index.ts';
import { reportText } from '../../policy/report/text.ts';
import { sarifLog } from '../../policy/report/sarif.ts';
import { harmless } from '../../policy/source.ts';
import { picture } from '../../policy/report/picture.ts';
import { assertedOf, SEPARATING, separationOf } from '../../policy/analysis/separation.ts';
import { undeclaredWays } from '../../policy/analysis/undeclared.ts';
import { type Proof, proofText, unproved } from '../../policy/report/separation.ts';
import { type Call, type Command, usageFailure } from '../command.ts';
import { findDescription, readDescriptionFile } from '../description-file.ts';
import { EXIT, Failure } from '../failure.ts';
import { type Io, paintOf } from '../io.ts';
import { compileDescription, loadPlanFile } from '../plan-source.ts';
import { provedCore } from '../../kernel/proved-core.ts';
import { versions } from '../version.ts';

export const command: Command = {
  name: 'check',
  usage: 'check [SYSTEM] [options]',
  summary: 'Check a system: who can reach whom, what its description asserts, what falls with what.',
  options: {
    json: { summary: 'write one JSON document: faults, flows, schedule, compromise' },
    sarif: { summary: 'write faults as SARIF 2.1.0, for code hosts and editors' },
    prove: {
      summary: "say what the core's theorems mean for this system: who is separate from whom, and what is not covered",
    },
    svg: { value: 'FILE', completes: 'file', summary: 'draw the system into FILE' },
  },
  details: `
SYSTEM is a folder with a system.yaml (or .json, or .ts), a file, or the name of an example (payment-terminal).

Exit status 0: the description is right and all that it asserts holds. 1: an assertion, a label or a time bound is
broken; the message shows the way that breaks it, step by step. 2: the description itself is wrong.

With --prove the plan is compiled and accepted by the core, and its policy is read back from the core's tables. Status 1
also when the core that is here is not the one that was proved (docs/proof.md), or a device may write all memory.

A file that an application or a driver names may be missing here: that is a warning, and only \`virtsec run\` needs it.

Examples:
  virtsec check payment-terminal
  virtsec check my-system --svg my-system.svg
  virtsec check sandboxes --prove
  virtsec check my-system --sarif > check.sarif`,

  async run(call, io) {
    if (call.words.length > 1) throw usageFailure(command, `one system at a time, not ${call.words.length}`);
    if (call.has('prove') && (call.has('sarif') || call.has('svg'))) {
      throw usageFailure(command, '--prove writes text, or with --json one document');
    }
    if (call.has('json') && call.has('sarif')) throw usageFailure(command, '--json and --sarif are two documents');
    const { name, text, host } = await readDescriptionFile(findDescription('check', call.words[0]));
    const reading = readDescription(
      name,
      text,
      host,
      VALIDATORS.filter((one) => !PRESENCE.includes(one)),
    );
    const { description, source } = reading;
    if (description === undefined) {
      const { faults } = reading;
      if (call.has('sarif')) io.out(json(sarifLog(source, faults, versions().virtsec)));
      if (call.has('json')) {
        io.out(json({ schema: 'virtsec.check/1', holds: false, faults: findings(source, faults) }));
      }
      if (call.has('sarif') || call.has('json')) return EXIT.usage;
      throw new Failure(EXIT.usage, reading.messages.join('\n\n'));
    }
    const warnings = PRESENCE.flatMap((validator) => [...validator(description, host)]);
    const faults = claimFaults(description);
    const analysis = analyse(description, source);
    if (call.has('prove')) {
      if (faults.length > 0) throw new Failure(EXIT.failed, formatFaults(source, faults).join('\n\n'));
      return prove(call, io, description, host);
    }
    const svg = call.value('svg');
    if (svg !== undefined) writePicture(svg, picture(description, analysis, faults));
    if (call.has('sarif')) io.out(json(sarifLog(source, faults, versions().virtsec, warnings)));
    else if (call.has('json')) io.out(json({ ...analysis, warnings: findings(source, warnings) }));
    else {
      const { partitions, channels } = description;
      const size = `${partitions.length} partitions, ${channels.length} channels`;
      io.out(`${io.paint('out', 'bold', `System ${description.system}`)}: ${size}\n\n`);
      io.out(reportText(analysis, paintOf(io)));
      const missing = [
        ...new Set(warnings.map(({ at }) => source.text.slice(at.start, at.end).replaceAll(/['"]/g, ''))),
      ];
      if (missing.length > 0) {
        io.note(`${io.paint('note', 'yellow', 'warning')}: not there yet: ${harmless(missing.join(', '))}\n`);
      }
      if (faults.length > 0) io.note(`${io.paint('note', 'red', formatFaults(source, faults).join('\n\n'))}\n`);
      else io.out(`${io.paint('out', 'green', 'Everything that this description asserts holds.')}\n`);
    }
    return faults.length === 0 ? EXIT.ok : EXIT.failed;
  },
};

/** What is proved, of the plan that `virtsec plan` would write. */
function prove(call: Call, io: Io, description: Description, host: Host): number {
  const { bytes } = compileDescription(description, host);
  const { kernel, plan, hash } = loadPlanFile('plan', bytes);
  const names = plan.partitions.map(({ name }) => name);
  const core = provedCore();
  const proof: Proof = {
    system: description.system,
    plan: hash,
    core,
    separation: separationOf(kernel, names),
    assertions: assertedOf(kernel, names, description.assertions),
    notCovered: undeclaredWays(description).map(({ kind, partitions, sentence }) => ({ kind, partitions, sentence })),
    freeDma: description.partitions
      .filter(({ devices }) => devices.some(({ dma }) => dma === 'any'))
      .map(({ name }) => name),
    replicaOf: Object.fromEntries(
      description.partitions.flatMap(({ name, replicaOf }) => (replicaOf === undefined ? [] : [[name, replicaOf]])),
    ),
  };
  const holds = unproved(core).length === 0 && proof.freeDma.length === 0 && proof.assertions.every((one) => one.holds);
  if (call.has('json')) {
    const theorems = SEPARATING.map(([name, says]) => ({ name, says, isProved: !unproved(core).includes(name) }));
    io.out(json({ schema: 'virtsec.prove/1', holds, ...proof, separatedBy: theorems }));
  } else io.out(proofText(proof, paintOf(io)));
  return holds ? EXIT.ok : EXIT.failed;
}

const json = (document: object): string => `${JSON.stringify(document)}\n`;

function writePicture(file: string, svg: string): void {
  try {
    writeFileSync(file, svg);
  } catch (error) {
    throw new Failure(EXIT.usage, `virtsec check: --svg: ${(error as Error).message}`);
  }
}
