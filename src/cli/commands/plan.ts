import { readFileSync, writeFileSync } from 'node:fs';
import { isSignedBy, signPlanFile } from '../../kernel/plan-file.ts';
import { showDescription } from '../../policy/index.ts';
import { planFlows, planText } from '../../policy/report/plan.ts';
import { harmless } from '../../policy/source.ts';
import { type Call, type Command, usageFailure } from '../command.ts';
import { findDescription, readDescriptionFile } from '../description-file.ts';
import { EXIT, Failure } from '../failure.ts';
import { type Io, paintOf } from '../io.ts';
import {
  checkedDescription,
  compileDescription,
  isPlanFile,
  type LoadedPlan,
  loadPlanFile,
  readPlanFile,
  withKey,
} from '../plan-source.ts';

export const command: Command = {
  name: 'plan',
  usage: 'plan [SYSTEM | FILE] [options]',
  summary: 'Compile a system to the plan that the kernel loads; sign it, verify it, show it.',
  options: {
    output: { short: 'o', value: 'FILE', completes: 'file', summary: 'write the compiled plan' },
    sign: { value: 'KEY', completes: 'file', summary: 'sign it with this private key (virtsec key new)' },
    verify: { value: 'KEY', completes: 'file', summary: 'status 0 only if FILE is signed by this public key' },
    show: { summary: 'write the description with every short form and default written out' },
    json: { summary: 'write one JSON document' },
  },
  details: `
SYSTEM is a description, as for \`virtsec check\`; FILE is a plan that \`virtsec plan\` has compiled. Either way the plan is
loaded into the kernel's core here, and what is shown is what the core has accepted: sizes, handles, windows, and every flow
that is allowed between partitions with what shows that it is needed.

The plan is named by its SHA-256, which covers the tables and the names, programs, grants and hashes of files that stand
beside them; a file that is not there is not bound, and said so. One description gives one plan, byte for byte.

Examples:
  virtsec plan payment-terminal -o terminal.plan --sign plans.key
  virtsec plan terminal.plan --verify plans.key.pub
  virtsec plan payment-terminal --show`,

  async run(call, io) {
    if (call.words.length > 1) throw usageFailure(command, `one system at a time, not ${call.words.length}`);
    const [word] = call.words;
    const isCompiled = word !== undefined && isPlanFile(word);
    if (call.has('show')) {
      if (isCompiled) throw usageFailure(command, '--show writes a description, and this is a compiled plan');
      const description = checkedDescription(await readDescriptionFile(findDescription('plan', word)));
      io.out(showDescription(description, call.has('json') ? 'json' : 'yaml'));
      return EXIT.ok;
    }
    const bytes = isCompiled ? readFileSync(word) : await compile(word, io);
    const plan = signed(call, isCompiled ? readPlanFile(word) : loadPlanFile('plan', bytes), bytes);
    const output = call.value('output');
    if (output !== undefined) write(output, plan.bytes);
    const key = call.value('verify');
    const isVerified = key === undefined ? undefined : withKey('plan', key, (pem) => isSignedBy(plan.loaded, pem));
    report(call, io, plan.loaded, isVerified);
    if (isVerified === false) {
      throw new Failure(
        EXIT.failed,
        plan.loaded.signature === undefined
          ? 'virtsec plan: this plan is not signed'
          : `virtsec plan: this plan is not signed by ${key}`,
      );
    }
    return EXIT.ok;
  },
};

async function compile(word: string | undefined, io: Io): Promise<Buffer> {
  const file = await readDescriptionFile(findDescription('plan', word));
  const { bytes, unbound } = compileDescription(checkedDescription(file), file.host);
  if (unbound.length > 0) {
    const names = harmless(unbound.join(', '));
    io.note(`${io.paint('note', 'yellow', 'warning')}: not there, so the plan does not bind them: ${names}\n`);
  }
  return bytes;
}

function signed(call: Call, loaded: LoadedPlan, bytes: Buffer): { loaded: LoadedPlan; bytes: Buffer } {
  const key = call.value('sign');
  if (key === undefined) return { loaded, bytes };
  const signedBytes = withKey('plan', key, (pem) => signPlanFile(bytes, pem));
  return { loaded: loadPlanFile('plan', signedBytes), bytes: signedBytes };
}

function write(file: string, bytes: Uint8Array): void {
  try {
    writeFileSync(file, bytes);
  } catch (error) {
    throw new Failure(EXIT.usage, `virtsec plan: ${(error as Error).message}`);
  }
}

function report(call: Call, io: Io, loaded: LoadedPlan, isVerified: boolean | undefined): void {
  const { plan, kernel, hash, words, signature } = loaded;
  const key = signature?.key.toString('hex');
  if (call.has('json')) {
    const document = {
      schema: 'virtsec.plan/1',
      system: plan.system,
      sha256: hash,
      ...(key === undefined ? {} : { signedBy: key }),
      ...(isVerified === undefined ? {} : { verified: isVerified }),
      words: words.length,
      names: plan,
      flows: planFlows(kernel, plan),
    };
    io.out(`${JSON.stringify(document)}\n`);
    return;
  }
  const said = isVerified === undefined ? ' (not verified)' : isVerified ? '' : ', NOT the key that was asked for';
  io.out(`${io.paint('out', 'bold', `Plan of ${harmless(plan.system)}`)}  SHA-256 ${hash}\n`);
  io.out(key === undefined ? 'not signed\n' : `signed by Ed25519 ${key}${said}\n`);
  io.out(planText(kernel, plan, paintOf(io)));
}
