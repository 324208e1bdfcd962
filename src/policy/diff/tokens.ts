import type { Clause } from '../match/clause.ts';
import type { readTextPattern } from '../match/text-patterns.ts';
import { readRequestPrincipal } from '../match/token-fields.ts';
import { targetOf } from '../query/examples.ts';
import type { JsonData, JsonFields, TokenPlace, TokenResult } from '../request.ts';
import { type Example, type Examples, listsOf } from './example.ts';
import type { Side } from './sides.ts';
import { filler, textExamples } from './texts.ts';

/** How many tokens are tried alone, and in pairs. */
const maxTokens = 3000;
const maxPaired = 24;

/**
 * Tokens that stand for all: no token, one that is refused, and one for every combination of an issuer, a subject, an
 * audience and the claims that some condition looks at; then two at one place.
 */
export function tokenExamples(clauses: readonly Clause[], sides: readonly Side[]): Examples {
  const places = placesOf(sides);
  const claimSets = claimExamples(clauses, sides);
  const isComplete = claimSets.length <= maxTokens;
  const tokens: readonly TokenResult[] = places.flatMap((place) => [
    { ok: false as const, place, fault: 'expired' as const },
    ...claimSets.slice(0, maxTokens).map((claims) => ({ ok: true as const, place, claims })),
  ]);
  const paired = tokens.length <= maxPaired ? tokens : tokens.slice(0, maxPaired);
  const lists: readonly (readonly TokenResult[])[] = [
    [],
    ...tokens.map((one) => [one]),
    ...paired.flatMap((a) => paired.map((b) => [a, b])),
  ];
  return { examples: lists.map(tokenExample), isComplete };
}

function tokenExample(tokens: readonly TokenResult[]): Example {
  const label =
    tokens.length === 0
      ? 'no token'
      : tokens
          .map((one) => (one.ok ? `token ${JSON.stringify(one.claims)}` : `token that is ${one.fault}`))
          .join(' and ');
  return { label, apply: (request) => ({ ...request, tokens }) };
}

function placesOf(sides: readonly Side[]): readonly TokenPlace[] {
  const places = sides.flatMap(({ view }) => view.tokenRules.flatMap((rule) => rule.places));
  return [...new Map(places.map((place) => [JSON.stringify(place), place])).values()];
}

function claimExamples(clauses: readonly Clause[], sides: readonly Side[]): readonly JsonFields[] {
  const rules = sides.flatMap(({ view }) => view.tokenRules);
  const issuers = new Set([
    `${filler}-issuer`,
    ...rules.map(({ issuer }) => issuer).filter((issuer) => issuer !== ''),
  ]);
  const subjects = new Set([filler]);
  const claims = new Map<string, { readonly path: readonly string[]; readonly wanted: Set<string> }>();
  const claim = (path: readonly string[]) => {
    const key = JSON.stringify(path);
    const known = claims.get(key) ?? { path, wanted: new Set<string>() };
    claims.set(key, known);
    return known.wanted;
  };
  for (const rule of rules) for (const audience of rule.audiences) claim(['aud']).add(audience);
  for (const { name, wanted } of clauses) {
    const target = targetOf(name);
    if (target?.kind === 'request-principal')
      for (const value of wanted) addPrincipal(value, issuers, subjects);
    if (target?.kind === 'claim') for (const value of wanted) claim(target.path).add(value);
  }
  return combine(issuers, subjects, [...claims.values()]);
}

function addPrincipal(value: string, issuers: Set<string>, subjects: Set<string>): void {
  const { issuer, subject } = readRequestPrincipal(value);
  for (const text of textExamples([writePattern(issuer)])) issuers.add(text);
  for (const text of textExamples([writePattern(subject)])) subjects.add(text);
}

function writePattern({ kind, text }: ReturnType<typeof readTextPattern>): string {
  if (kind === 'any') return '*';
  if (kind === 'prefix') return `${text}*`;
  return kind === 'suffix' ? `*${text}` : text;
}

function combine(
  issuers: ReadonlySet<string>,
  subjects: ReadonlySet<string>,
  claims: readonly { readonly path: readonly string[]; readonly wanted: ReadonlySet<string> }[],
): readonly JsonFields[] {
  let sets: readonly JsonFields[] = [...issuers].flatMap((iss) => [
    ...[...subjects].map((sub): JsonFields => ({ iss, sub })),
    { iss },
  ]);
  for (const { path, wanted } of claims) {
    const texts = textExamples([...wanted]);
    const values: readonly JsonData[] = [
      undefined,
      ...(texts.length <= 4 ? listsOf(texts) : texts.map((text) => [text])),
    ];
    sets = sets
      .flatMap((fields) =>
        values.map((value) => (value === undefined ? fields : setClaim(fields, path, value))),
      )
      .slice(0, maxTokens + 1);
  }
  return sets;
}

function setClaim(fields: JsonFields, path: readonly string[], value: JsonData): JsonFields {
  const [name, ...rest] = path;
  if (name === undefined) return fields;
  const inner = fields[name];
  const nested =
    typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? (inner as JsonFields) : {};
  return { ...fields, [name]: rest.length === 0 ? value : setClaim(nested, rest, value) };
}
