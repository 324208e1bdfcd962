import type { FindingSpec, Severity } from '../../resources/index.ts';
import { findingCatalogue } from './catalogue.ts';
import type { LintFinding } from './suppress.ts';

const levels: Readonly<Record<Severity, string>> = { error: 'error', warning: 'warning', info: 'note' };

/** SARIF 2.1.0, as code scanners read it: one run, only the rules that were broken. */
export function formatSarif(findings: readonly LintFinding[], tool: { readonly version: string }): object {
  const codes = [...new Set(findings.map((finding) => finding.code))].sort();
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'castellan',
            version: tool.version,
            rules: codes.map(ruleOf),
          },
        },
        columnKind: 'utf16CodeUnits',
        results: findings.map((finding) => resultOf(finding, codes.indexOf(finding.code))),
      },
    ],
  };
}

function ruleOf(code: string): object {
  const spec: FindingSpec | undefined = findingCatalogue[code];
  return {
    id: code,
    shortDescription: { text: spec?.title ?? code },
    fullDescription: { text: spec?.why ?? code },
    help: { text: `${spec?.fix ?? code}. More: castellan explain ${code}` },
    defaultConfiguration: { level: levels[spec?.severity ?? 'warning'] },
  };
}

function resultOf(finding: LintFinding, ruleIndex: number): object {
  const { suppression } = finding;
  return {
    ruleId: finding.code,
    ruleIndex,
    level: levels[finding.severity],
    message: {
      text: finding.fix === undefined ? finding.message : `${finding.message}. Fix: ${finding.fix}`,
    },
    locations: [locationOf(finding)],
    ...(suppression === undefined
      ? {}
      : {
          suppressions: [
            {
              kind: suppression.by === 'annotation' ? 'inSource' : 'external',
              justification: suppression.reason,
            },
          ],
        }),
  };
}

function locationOf({ file, line, column, path, resource }: LintFinding): object {
  const logical = [resource, path].filter((part) => part !== undefined).join(' ');
  return {
    ...(file === undefined
      ? {}
      : {
          physicalLocation: {
            artifactLocation: { uri: toUri(file) },
            region: { startLine: line ?? 1, startColumn: column ?? 1 },
          },
        }),
    ...(logical === '' ? {} : { logicalLocations: [{ fullyQualifiedName: logical }] }),
  };
}

/** A path as a relative reference: the scanner resolves it against the repository. */
function toUri(file: string): string {
  return file.replaceAll('\\', '/').replace(/^\.\//, '').split('/').map(encodeURIComponent).join('/');
}
