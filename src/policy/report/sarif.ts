// Faults as SARIF 2.1.0, the form in which code hosts and editors take findings. Steps of a path are a code flow.
import type { Fault, Range, Source } from '../source.ts';

const INFORMATION = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';

export function sarifLog(
  source: Source,
  faults: readonly Fault[],
  version: string,
  warnings: readonly Fault[] = [],
): object {
  const location = (at: Range, text?: string) => {
    const [start, end] = [source.position(at.start), source.position(Math.max(at.end, at.start + 1))];
    return {
      physicalLocation: {
        artifactLocation: { uri: source.name.replaceAll('\\', '/') },
        region: { startLine: start.line, startColumn: start.column, endLine: end.line, endColumn: end.column },
      },
      ...(text === undefined ? {} : { message: { text } }),
    };
  };
  const result = (level: 'error' | 'warning') => (fault: Fault) => ({
    ruleId: fault.code,
    level,
    message: { text: fault.help === undefined ? `${fault.sentence}.` : `${fault.sentence}. Help: ${fault.help}` },
    locations: [location(fault.at)],
    ...(fault.path === undefined || fault.path.length === 0
      ? {}
      : {
          codeFlows: [
            {
              threadFlows: [
                { locations: fault.path.map(({ at, sentence }) => ({ location: location(at, sentence) })) },
              ],
            },
          ],
        }),
  });
  const rules = [...new Set([...faults, ...warnings].map(({ code }) => code))].toSorted();
  return {
    $schema: INFORMATION,
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'virtsec', version, rules: rules.map((id) => ({ id })) } },
        columnKind: 'utf16CodeUnits',
        results: [...faults.map(result('error')), ...warnings.map(result('warning'))],
      },
    ],
  };
}
