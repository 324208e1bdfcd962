import type {
  ClaimToHeader,
  JwtHeader,
  JwtRule,
  RequestAuthenticationSpec,
} from '../kinds/request-authentication.ts';
import type { PositionedNode } from '../read/node.ts';
import { type CheckText, Fields } from './fields.ts';
import { jwksProblem, secretKeys } from './key-set.ts';
import { quoted, type Report } from './report.ts';
import { readDuration } from './scalars.ts';
import { readSelection } from './selection.ts';

const ruleFields = [
  'issuer',
  'audiences',
  'jwksUri',
  'jwks',
  'fromHeaders',
  'fromParams',
  'fromCookies',
  'outputPayloadToHeader',
  'outputClaimToHeaders',
  'forwardOriginalToken',
  'timeout',
  'spaceDelimitedClaims',
  'presence',
];
const maxRules = 4096;
const maxClaims = 64;
const maxUri = 2048;

/** policy.md 5.1 rows 6 to 8. */
export function readRequestAuthentication(
  node: PositionedNode,
  report: Report,
): RequestAuthenticationSpec | undefined {
  const fields = Fields.of(node, ['selector', 'targetRef', 'targetRefs', 'jwtRules'], report);
  if (fields === undefined) return undefined;
  const jwtRules = fields.list('jwtRules', readJwtRule) ?? [];
  if (jwtRules.length > maxRules)
    report.add(
      'CAS0746',
      fields.key('jwtRules'),
      `${jwtRules.length} JWT rules, at most ${maxRules} are allowed`,
    );
  return Object.freeze({ ...readSelection(fields), jwtRules });
}

function readJwtRule(node: PositionedNode, report: Report): JwtRule | undefined {
  const fields = Fields.of(node, ruleFields, report);
  if (fields === undefined) return undefined;
  const issuer = fields.text('issuer', notEmpty('an issuer is empty; leave it out to accept any'));
  const jwksUri = fields.text('jwksUri', checkJwksUri);
  const jwks = fields.text('jwks', checkJwks);
  if ((issuer ?? '') === '' && (jwksUri ?? '') === '')
    report.add('CAS0721', node, 'a JWT rule has neither issuer nor jwksUri');
  if ((jwks ?? '') !== '' && (jwksUri ?? '') !== '')
    report.add('CAS0726', fields.key('jwks'), 'both `jwks` and `jwksUri` are written');
  return Object.freeze({
    issuer: issuer || undefined,
    audiences: fields.texts('audiences', notEmpty('an audience is empty')),
    jwksUri: jwksUri || undefined,
    jwks: jwks || undefined,
    ...readPlaces(fields),
    outputPayloadToHeader: fields.text('outputPayloadToHeader') || undefined,
    outputClaimToHeaders: fields.list('outputClaimToHeaders', readClaimToHeader) ?? [],
    forwardOriginalToken: fields.flag('forwardOriginalToken') ?? false,
    timeoutMs: fields.object('timeout', readDuration),
    spaceDelimitedClaims: readDelimitedClaims(fields),
    presence: fields.oneOf('presence', ['OPTIONAL', 'REQUIRED']) ?? 'OPTIONAL',
  });
}

function readPlaces(fields: Fields): Pick<JwtRule, 'fromHeaders' | 'fromParams' | 'fromCookies'> {
  return {
    fromHeaders: fields.list('fromHeaders', readJwtHeader) ?? [],
    fromParams: fields.texts('fromParams', notEmpty('a parameter in `fromParams` is empty')),
    fromCookies: fields.texts('fromCookies', notEmpty('a cookie in `fromCookies` is empty')),
  };
}

function readDelimitedClaims(fields: Fields): readonly string[] {
  const claims = fields.texts('spaceDelimitedClaims', notEmpty('a claim in `spaceDelimitedClaims` is empty'));
  if (claims.length > maxClaims)
    fields.report.add(
      'CAS0746',
      fields.key('spaceDelimitedClaims'),
      `${claims.length} space-delimited claims, at most ${maxClaims} are allowed`,
    );
  return claims;
}

const notEmpty =
  (message: string): CheckText =>
  (value, node, report) => {
    if (value === '') report.add('CAS0722', node, message);
  };

function readJwtHeader(node: PositionedNode, report: Report): JwtHeader | undefined {
  if (node.kind === 'scalar' && node.value === null) {
    report.add('CAS0722', node, 'an entry of `fromHeaders` is nothing');
    return undefined;
  }
  const fields = Fields.of(node, ['name', 'prefix'], report);
  if (fields === undefined) return undefined;
  const name = fields.text('name') ?? '';
  if (name === '') report.add('CAS0722', node, 'an entry of `fromHeaders` has no name');
  return Object.freeze({ name, prefix: fields.text('prefix') ?? '' });
}

function readClaimToHeader(node: PositionedNode, report: Report): ClaimToHeader | undefined {
  if (node.kind === 'scalar' && node.value === null) {
    report.add('CAS0722', node, 'an entry of `outputClaimToHeaders` is nothing');
    return undefined;
  }
  const fields = Fields.of(node, ['header', 'claim'], report);
  if (fields === undefined) return undefined;
  const header = fields.text('header') ?? '';
  const claim = fields.text('claim') ?? '';
  if (header === '') report.add('CAS0722', node, 'an entry of `outputClaimToHeaders` has no header');
  else if (!/^[-_A-Za-z0-9]+$/.test(header))
    report.add(
      'CAS0916',
      fields.key('header'),
      `${quoted(header)} is not a header name of letters, digits, \`-\` and \`_\``,
    );
  if (claim === '') report.add('CAS0722', node, 'an entry of `outputClaimToHeaders` has no claim');
  return Object.freeze({ header, claim });
}

const checkJwksUri: CheckText = (value, node, report) => {
  if (value === '') return;
  if (value.length > maxUri) report.add('CAS0723', node, `the jwksUri is longer than ${maxUri} characters`);
  else if (!/^https?:\/\/[^/?#\s]/i.test(value) || !URL.canParse(value))
    report.add('CAS0723', node, `${quoted(value)} is not an absolute http or https URL`);
};

const checkJwks: CheckText = (value, node, report) => {
  if (value === '') return;
  const problem = jwksProblem(value);
  if (problem !== undefined) report.add('CAS0724', node, `the inline jwks ${problem}`);
  else for (const sentence of secretKeys(value)) report.add('CAS0725', node, sentence);
};
