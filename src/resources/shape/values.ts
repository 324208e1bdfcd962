/** The checks of single values of an AuthorizationPolicy (policy.md 5.1, 3.5, 3.6), shared by fields and conditions. */
import { parseIpBlock } from '../../base/ip.ts';
import type { CheckText } from './fields.ts';
import { quoted } from './report.ts';

export const checkNotEmpty: CheckText = (value, node, report) => {
  if (value === '') report.add('CAS0736', node, 'a value in the list is empty');
};

export const checkIpBlock: CheckText = (value, node, report) => {
  if (parseIpBlock(value) === undefined)
    report.add('CAS0737', node, `${quoted(value)} is not an IP address or CIDR range`);
};

export const checkPort: CheckText = (value, node, report) => {
  if (!/^(0|[1-9][0-9]{0,4})$/.test(value) || Number(value) > 65_535)
    report.add('CAS0738', node, `${quoted(value)} is not a port`);
};

const methodCharacters = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export const checkMethod: CheckText = (value, node, report) => {
  if (value === '') checkNotEmpty(value, node, report);
  else if (!methodCharacters.test(value))
    report.add('CAS0747', node, `${quoted(value)} is not an HTTP method`);
};

export const checkServiceAccount: CheckText = (value, node, report) => {
  if (value === '') checkNotEmpty(value, node, report);
  else if (value.length > 320) report.add('CAS0740', node, 'a service account is longer than 320 characters');
  else if (!/^[^/*]+(\/[^/*]+)?$/.test(value))
    report.add('CAS0740', node, `${quoted(value)} is not \`account\` or \`namespace/account\``);
};

/** At most one wildcard, at one end. */
const oneWildcard = /^(\*[^*]*|[^*]*\*?)$/;

/** Of `source.trustDomain`: a slash is let through there. */
export const checkTrustDomainCondition: CheckText = (value, node, report) => {
  if (value === '') checkNotEmpty(value, node, report);
  else if (!oneWildcard.test(value))
    report.add('CAS0741', node, `${quoted(value)} has a wildcard that is not one at one end`);
};

export const checkTrustDomain: CheckText = (value, node, report) => {
  checkTrustDomainCondition(value, node, report);
  if (value.includes('/')) report.add('CAS0741', node, `the trust domain ${quoted(value)} holds a \`/\``);
};

const templateLiteral = /^[a-zA-Z0-9\-._~%!$&'()+,;:@=]+$/;

/** True when the path is a template: it holds `{*}` or `{**}`. */
export function isPathTemplate(path: string): boolean {
  return path.includes('{*}') || path.includes('{**}');
}

/** Why a path cannot be one; undefined when it can. */
export function pathProblem(path: string): string | undefined {
  const isTemplate = isPathTemplate(path);
  let isOver = false;
  for (const segment of path.replace(/^\/+|\/+$/g, '').split('/')) {
    if (segment === '{*}' || segment === '{**}') {
      if (isOver) return `nothing may follow {**} as an operator in ${quoted(path)}`;
      isOver = segment === '{**}';
    } else if (/[{}]/.test(segment)) {
      return `a brace in ${quoted(path)} is not a whole segment {*} or {**}`;
    } else if (isTemplate && !templateLiteral.test(segment)) {
      return `the segment ${quoted(segment)} of the template ${quoted(path)} is empty or has a character that a path cannot have`;
    }
  }
  return undefined;
}

export const checkPath: CheckText = (value, node, report) => {
  if (value === '') checkNotEmpty(value, node, report);
  const problem = pathProblem(value);
  if (problem !== undefined) report.add('CAS0739', node, problem);
};
