import type { LintContext } from './context.ts';
import { allRules, quote, type ValueList, valuesOf } from './rules.ts';

/** policy.md 3.9, and the advice of Istio's own best practices: positive matches for ALLOW, negative for DENY. */
export function lintPathSpelling(context: LintContext): void {
  const level = context.mesh.pathNormalization;
  for (const at of allRules(context)) {
    const { action } = at.target.resource.spec;
    for (const list of valuesOf(at)) {
      if (list.name !== 'paths' || list.values.every((value) => value === '*')) continue;
      if (action === 'ALLOW' && list.isNegative) report(context, list, level);
      // Every DENY by path has this weakness; it is worth a word, not a warning.
      if (action === 'DENY' && !list.isNegative) report(context, list, level, 'info');
    }
  }
}

function report(context: LintContext, list: ValueList, level: string, severity?: 'info'): void {
  const value = list.values.find((path) => path !== '*') ?? '';
  const dodge = dodgeOf(value, level);
  if (dodge === undefined) return;
  context.report(
    'CAS0112',
    { target: list.at.target, path: list.path },
    `at ${level} normalisation ${quote(dodge)} is not ${quote(value)}`,
    severity === undefined ? {} : { severity },
  );
}

/** Another spelling of the path that this level leaves alone and the value does not match. */
function dodgeOf(value: string, level: string): string | undefined {
  const bare = value.replace(/\*$/, '');
  if (!bare.startsWith('/') || bare.length < 2) return undefined;
  if (level === 'NONE' || level === 'BASE') return `/${bare}`;
  const second = bare.indexOf('/', 1);
  if (level === 'MERGE_SLASHES' && second !== -1 && second < bare.length - 1)
    return `${bare.slice(0, second)}%2F${bare.slice(second + 1)}`;
  if (value.endsWith('*') || value.includes('{**}')) return undefined;
  return bare.endsWith('/') ? undefined : `${bare}/`;
}
