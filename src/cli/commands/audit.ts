import { readFileSync } from 'node:fs';
import { type AuditHead, verifyAudit } from '../audit-chain.ts';
import { keptHead } from '../audit-heads.ts';
import { type Command, usageFailure } from '../command.ts';
import { EXIT, Failure } from '../failure.ts';

export const command: Command = {
  name: 'audit',
  usage: 'audit verify FILE [options]',
  summary: 'Find what was changed in, taken out of or cut off from an audit log.',
  options: {
    head: { value: 'HASH', summary: 'the hash that the last record must have (printed when the run ended)' },
    json: { summary: 'write one JSON document' },
  },
  words: ['verify'],
  details: `
\`virtsec run --audit FILE\` writes the log: a line of JSON for the boot (hashes of plan and core), each start, end, fault, denied
call and act of an operator, and the system's end. Each line holds the SHA-256 of the one before it. The hash of the last
one is kept under $XDG_STATE_HOME/virtsec (~/.local/state/virtsec) and compared; --head takes one from elsewhere.

Exit status: 0 the log is whole, 1 it is not (the message says where), 2 it cannot be read.`,

  async run(call, io) {
    const [what, file] = call.words;
    if (what !== 'verify' || file === undefined || call.words.length > 2) {
      throw usageFailure(command, 'audit verify FILE');
    }
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      throw new Failure(EXIT.usage, `virtsec audit: ${(error as Error).message}`);
    }
    const given = call.value('head');
    if (given !== undefined && !/^[0-9a-f]{64}$/.test(given)) {
      throw usageFailure(command, '--head takes a SHA-256 in hexadecimal');
    }
    const kept: AuditHead | undefined = keptHead(file, io.env);
    let verdict = verifyAudit(text, kept);
    if (verdict.isWhole && given !== undefined && verdict.head !== given) {
      verdict = { isWhole: false, line: verdict.records, why: 'its hash is not the one that --head gives' };
    }
    if (call.has('json')) {
      io.out(`${JSON.stringify({ schema: 'virtsec.audit/1', file, compared: kept !== undefined, ...verdict })}\n`);
    } else if (verdict.isWhole) {
      const compared = kept === undefined && given === undefined ? '; no hash of it was kept here to compare with' : '';
      io.out(`${file}: ${verdict.records} records, whole${compared}\n`);
    } else {
      io.note(`${io.paint('note', 'red', `${file}:${verdict.line}: ${verdict.why}`)}\n`);
    }
    return verdict.isWhole ? EXIT.ok : EXIT.failed;
  },
};
