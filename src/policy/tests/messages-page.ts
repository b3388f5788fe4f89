// docs/messages.md: every message number with its rule, harvested from the sentences above the rules in the sources, and an
// example from the corpus of wrong descriptions.
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { faultMessage, faultNames } from './corpus.ts';

const FOLDER = fileURLToPath(new URL('../', import.meta.url));

const sources = (): string[] =>
  globSync(['*.ts', 'validators/*.ts', 'analysis/*.ts'], { cwd: FOLDER })
    .filter((name) => !name.endsWith('.test.ts'))
    .map((name) => readFileSync(FOLDER + name, 'utf8'));

/** Numbers that the sources give to messages. */
export const usedNumbers = (): string[] => [
  ...new Set(sources().flatMap((text) => [...text.matchAll(/'VS(\d{3})'/g)].map((match) => match[1]))),
];

/** The sentence of each number. */
export function rules(): Map<string, string> {
  const found = sources().flatMap((text) => [...text.matchAll(/^(?:\/\/|\/\*\*| \*) VS(\d{3}): (.*?)(?: \*\/)?$/gm)]);
  return new Map(found.map(([, number, sentence]) => [number, sentence]));
}

export function messagesPage(): string {
  const names = faultNames();
  const sections = [...rules()]
    .toSorted(([a], [b]) => Number(a) - Number(b))
    .map(([number, sentence]) => {
      const example = names.find((name) => name.startsWith(number))!;
      const message = faultMessage(example);
      return `## VS${number}\n\n${sentence}\n\n\`\`\`\n${message}\`\`\`\n`;
    });
  return `# Messages of a wrong system description

Each message has a number, which stands here with the rule behind it and an example. (Written by \`scripts/messages.ts\`
from the sources.)

From VS501 on: what the description asserts does not hold (exit status 1). All others: the description is wrong (exit
status 2); VS104 comes from \`virtsec run\` alone, VS109 from \`virtsec build\` and \`run --metal\`, and VS212 and VS229 are warnings of \`virtsec check\`.

${sections.join('\n')}`;
}
