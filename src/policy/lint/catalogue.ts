import { type FindingSpec, findingBuilder, resourceCatalogue } from '../../resources/index.ts';
import { conversionCatalogue } from '../legacy/catalogue.ts';
import { authenticationCatalogue } from './catalogue-authentication.ts';
import { authorizationCatalogue } from './catalogue-authorization.ts';
import { annotationCatalogue } from './catalogue-lint.ts';

/** What the lint itself finds. */
export const lintCatalogue = {
  ...authenticationCatalogue,
  ...authorizationCatalogue,
  ...annotationCatalogue,
} as const;
export type LintCode = keyof typeof lintCatalogue;
export const lintFinding = findingBuilder(lintCatalogue);

/** Every finding there is, in order of code: the source of docs/reference/findings.md and of `explain CAS…`. */
export const findingCatalogue: Readonly<Record<string, FindingSpec>> = Object.freeze(
  Object.fromEntries(
    Object.entries<FindingSpec>({ ...lintCatalogue, ...resourceCatalogue, ...conversionCatalogue }).sort(
      ([a], [b]) => (a < b ? -1 : 1),
    ),
  ),
);
