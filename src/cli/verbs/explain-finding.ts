import { findingCatalogue } from '../../policy/lint/index.ts';
import { usageError } from '../frame/usage.ts';
import type { VerbContext } from '../frame/verb.ts';

/** A finding of the lint: what it means, from the catalogue, without a server. */
export function explainFinding({ out, style }: VerbContext, code: string): undefined {
  const spec = Object.hasOwn(findingCatalogue, code) ? findingCatalogue[code] : undefined;
  if (spec === undefined)
    throw usageError(`there is no finding \`${code}\``, 'see docs/reference/findings.md');
  const lines = [
    `${style.bold(code)}   ${spec.severity}`,
    `  what   ${spec.title}`,
    `  why    ${spec.why}`,
    `  fix    ${spec.fix}${spec.fixable === true ? ' (castellan lint --fix writes it)' : ''}`,
    ...(spec.also === undefined ? [] : [`  also   ${spec.also}`]),
  ];
  out.item(
    { kind: 'FindingCode', columns: [], name: () => code, toJson: () => ({ code, ...spec }) },
    spec,
    lines.join('\n'),
  );
  return undefined;
}
