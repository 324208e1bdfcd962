import type { AuthzRequest, ConnectionFacts, HttpFacts, JsonData } from '../request.ts';
import { addressExamples } from './addresses.ts';
import type { ChangedRules } from './changed.ts';
import { connectionExamples } from './connections.ts';
import { type Example, type Examples, listsOf } from './example.ts';
import { connection, preflight, type Side, signatureOf, token, type VariableName } from './sides.ts';
import { filler, pathExamples, pathSpellings, textExamples } from './texts.ts';
import { tokenExamples } from './tokens.ts';

/** A variable whose values fall into classes that neither side can tell apart. */
export interface Variable {
  readonly name: VariableName;
  readonly classes: readonly Example[][];
  readonly signatures: readonly (readonly (readonly (boolean | string)[])[])[];
  /** The class of a request's own value; undefined when no example has its signature. */
  readonly classOf: (request: AuthzRequest) => number | undefined;
  readonly isComplete: boolean;
}

export function makeVariable(
  name: VariableName,
  sides: readonly Side[],
  base: AuthzRequest,
  changed: ChangedRules | undefined,
): Variable {
  const { examples, isComplete } = examplesFor(name, sides, { base, changed });
  const classes: Example[][] = [];
  const signatures: (readonly (boolean | string)[])[][] = [];
  const byKey = new Map<string, number>();
  const isPassedOver = (request: AuthzRequest) =>
    name === connection && changed !== undefined && !changed.concerns(request);
  // Nothing is true of a connection that is passed over: then no outcome differs either.
  const sign = (request: AuthzRequest) =>
    isPassedOver(request) ? [] : sides.map((side) => signatureOf(side, name, request));
  for (const example of examples) {
    const signature = sign(example.apply(base));
    const key = JSON.stringify(signature);
    const known = byKey.get(key);
    if (known !== undefined) classes[known]?.push(example);
    else {
      byKey.set(key, classes.length);
      classes.push([example]);
      signatures.push(signature);
    }
  }
  return {
    name,
    classes,
    signatures,
    isComplete,
    classOf: (request) => byKey.get(JSON.stringify(sign(request))),
  };
}

/** The variables of a workload in the order of the diagram, each with examples from what both sides say. */
function examplesFor(
  name: VariableName,
  sides: readonly Side[],
  { base, changed }: { readonly base: AuthzRequest; readonly changed: ChangedRules | undefined },
): Examples {
  const clauses = sides.flatMap((side) => side.clauses.get(name) ?? []);
  const wanted = clauses.flatMap((clause) => clause.wanted);
  const complete = (examples: readonly Example[]): Examples => ({ examples, isComplete: true });
  switch (name) {
    case connection:
      return connectionExamples(clauses, sides, changed?.callers);
    case token:
      return tokenExamples(clauses, sides);
    case preflight:
      return complete([
        { label: 'no preflight', apply: (request) => request },
        { label: 'CORS preflight', apply: asPreflight },
      ]);
    case 'path':
      return complete(pathRequests(wanted, sides));
    case 'method':
      return complete(
        [...textExamples(wanted.filter(isMethodLike)), 'OPTIONS', 'GET'].map((text) =>
          httpExample('method', text.toUpperCase()),
        ),
      );
    case 'authority': {
      const hosts = hostTexts(wanted);
      return complete([
        ...hosts.map((host) => httpExample('authority', host)),
        ...hosts
          .flatMap(hostSpellings)
          .map((host) => ({ ...httpExample('authority', host), isSpelling: true })),
      ]);
    }
    case 'sni':
      return complete(
        ['', ...textExamples(wanted)].map((sni) => onConnection(sni === '' ? 'no SNI' : sni, { sni })),
      );
    case 'sourceIp':
    case 'remoteIp':
    case 'destinationIp':
      return complete(
        [undefined, ...addressExamples(wanted)].map((ip) =>
          onConnection(ip?.text ?? 'unknown', { [name]: ip }),
        ),
      );
    default:
      return complete(openExamples(name, wanted, base));
  }
}

function onConnection(label: string, facts: Partial<ConnectionFacts>): Example {
  return { label, apply: (request) => ({ ...request, connection: { ...request.connection, ...facts } }) };
}

function onHttp(label: string, facts: (http: HttpFacts) => Partial<HttpFacts>): Example {
  return {
    label,
    apply: (request) =>
      request.http === undefined
        ? request
        : { ...request, http: { ...request.http, ...facts(request.http) } },
  };
}

function httpExample(part: 'method' | 'authority' | 'path', text: string): Example {
  return onHttp(text, () => ({ [part]: text }));
}

function asPreflight(request: AuthzRequest): AuthzRequest {
  if (request.http === undefined) return request;
  const headers = new Map(request.http.headers);
  headers.set('origin', [filler]).set('access-control-request-method', ['GET']);
  return { ...request, http: { ...request.http, headers } };
}

/** Patterns that some upper-case method can match. */
function isMethodLike(value: string): boolean {
  return value === value.toUpperCase();
}

function hostTexts(wanted: readonly string[]): readonly string[] {
  return [...textExamples(wanted.map((value) => value.toLowerCase())), `${filler}.example`];
}

function hostSpellings(host: string): readonly string[] {
  return [`${host}:8080`, `${host}.`, `user@${host}`];
}

/** Raw spellings as well: the two sides may normalise differently, and each refuses some. */
function pathRequests(wanted: readonly string[], sides: readonly Side[]): readonly Example[] {
  const paths = pathExamples(wanted);
  const levels = new Set(
    sides.map(({ snapshot: { settings } }) =>
      JSON.stringify([settings.pathNormalization, settings.strict, settings.stripPathParameters]),
    ),
  );
  const spellings = pathSpellings(levels.size > 1 ? paths : paths.slice(0, 40));
  return [
    ...paths.map((path) => httpExample('path', path)),
    ...spellings.map((path) => ({ ...httpExample('path', path), isSpelling: true })),
  ];
}

/** Headers, metadata and providers: a handful of values each. */
function openExamples(name: VariableName, wanted: readonly string[], base: AuthzRequest): readonly Example[] {
  if (name.startsWith('custom ')) return customExamples(name.slice('custom '.length));
  if (name.startsWith('request.headers['))
    return headerExamples(name.slice('request.headers['.length, -1), wanted);
  if (name.startsWith('metadata[')) return metadataExamples(name, wanted);
  return [{ label: 'any', apply: () => base }];
}

function customExamples(provider: string): readonly Example[] {
  return (['allow', 'deny', 'unavailable'] as const).map((outcome) => ({
    label: `${provider}: ${outcome}`,
    apply: (request) => ({
      ...request,
      custom: new Map([...(request.custom ?? []), [provider, { outcome }]]),
    }),
  }));
}

/** Absent, one line, two lines, all at once, and joined in one line: the two sides may differ in mode (Z12). */
function headerExamples(header: string, wanted: readonly string[]): readonly Example[] {
  const texts = ['', ...textExamples(wanted)];
  const lines = listsOf(texts);
  const setHeader = (values: readonly string[] | undefined): Example =>
    onHttp(values === undefined ? `no ${header}` : `${header}: ${values.join(', ')}`, (http) => {
      const headers = new Map(http.headers);
      if (values === undefined) headers.delete(header);
      else headers.set(header, values);
      return { headers };
    });
  const joined = lines.filter((values) => values.length > 1).map((values) => [values.join(',')]);
  return [undefined, ...lines, ...joined].map(setHeader);
}

function metadataExamples(name: VariableName, wanted: readonly string[]): readonly Example[] {
  const close = name.indexOf('][');
  const filter = name.slice('metadata['.length, close);
  const key = name.slice(close + 2, -1);
  const bare = wanted.map((value) => (value.startsWith('[') ? value.slice(1, -1) : value));
  const texts = textExamples(bare);
  const values: readonly JsonData[] = [undefined, ...texts, ...listsOf(texts)];
  return values.map((value) => ({
    label: `${key}: ${value === undefined ? 'absent' : JSON.stringify(value)}`,
    apply: (request) => ({
      ...request,
      dynamicMetadata: new Map([
        ...(request.dynamicMetadata ?? []),
        [filter, { ...request.dynamicMetadata?.get(filter), [key]: value }],
      ]),
    }),
  }));
}
