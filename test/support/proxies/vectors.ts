import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ActivePolicy, WorkloadDirectory } from '../../../src/operations/check-request/index.ts';
import {
  type AuthzRequest,
  compile,
  type Decision,
  type EngineSettings,
  evaluate,
  type TokenResult,
  type WorkloadFacts,
} from '../../../src/policy/index.ts';
import { type Mode, readPolicyTest } from '../../../src/policy/test/index.ts';
import { type AnyResource, parseResources } from '../../../src/resources/index.ts';
import { FakeTokenIssuer } from '../../fakes/token-issuer.ts';

const root = fileURLToPath(new URL('../../vectors/policy', import.meta.url));

/** A case of the corpus, what `evaluate` says of it, and the policy that a door must have in force to be asked. */
export interface VectorCase {
  readonly file: string;
  readonly name: string;
  readonly mode: Mode;
  /** As written, with real tokens in its headers. */
  readonly request: AuthzRequest;
  readonly decision: Decision;
  readonly active: () => ActivePolicy;
  /** Whose tokens the policies of the file know. */
  readonly issuers: ReadonlySet<string>;
}

type Plain = Record<string, unknown>;

const issuer = new FakeTokenIssuer();
const stranger = new FakeTokenIssuer({ kid: 'of-nobody' });

export const vectorFiles = globSync('**/*.yaml', { cwd: root }).sort();

export function vectorCases(file: string): readonly VectorCase[] {
  const text = readFileSync(join(root, file), 'utf8');
  const { parsed, resources } = parseResources(text, { file });
  const test = resources.find((resource) => resource.kind === 'PolicyTest');
  if (test === undefined) throw new TypeError(`${file} has no PolicyTest`);
  const { definition } = readPolicyTest(test);
  const mesh = resources.find((resource) => resource.kind === 'MeshConfig')?.spec;
  // The test itself stays behind: its requests hold characters that no JSON is read with.
  const plain = parsed
    .map(({ root: node }) => node.toPlain() as Plain)
    .filter(({ kind }) => kind !== 'PolicyTest');
  const withKeys = parseResources(plain.map((one) => JSON.stringify(giveKeys(one))).join('\n---\n'), {
    file,
  });
  return definition.modes.flatMap((mode) => {
    const settings: EngineSettings = {
      ...(mesh === undefined ? {} : { mesh }),
      ...(mode === 'strict' ? { strict: true } : {}),
    };
    const snapshot = compile(resources, settings);
    const issuers = new Set(
      resources.flatMap((one) =>
        one.kind === 'RequestAuthentication' ? one.spec.jwtRules.map((rule) => rule.issuer ?? '') : [],
      ),
    );
    return definition.cases.map(({ name, request }) => ({
      file,
      name,
      mode,
      request: { ...request, ...(request.http === undefined ? {} : { http: withTokens(request, issuers) }) },
      issuers,
      decision: evaluate(snapshot, request),
      active: () => activeFor(request, withKeys.resources, settings),
    }));
  });
}

/** Every rule for tokens gets a key that the test holds. */
function giveKeys(document: Plain): Plain {
  if (document.kind !== 'RequestAuthentication') return document;
  const spec = (document.spec ?? {}) as Plain;
  if (!Array.isArray(spec.jwtRules)) return document;
  const jwks = issuer.jwks();
  // What is undefined is not in the JSON that is read again.
  const jwtRules = (spec.jwtRules as Plain[]).map((rule) => ({ ...rule, jwksUri: undefined, jwks }));
  return { ...document, spec: { ...spec, jwtRules } };
}

/** The policies, and a WorkloadEntry at the address that the case is about. */
function activeFor(
  { destination, connection }: AuthzRequest,
  resources: readonly AnyResource[],
  settings: EngineSettings,
): ActivePolicy {
  const entry = parseResources(JSON.stringify(entryOf(destination, connection)), { file: 'entry.yaml' });
  const all = [...resources.filter(({ kind }) => kind !== 'WorkloadEntry'), ...entry.resources];
  const snapshot = compile(all, settings);
  return {
    snapshot,
    resources: all,
    workloads: new WorkloadDirectory(all),
    providers: new Map(
      resources.flatMap((one) =>
        one.kind === 'MeshConfig'
          ? one.spec.extensionProviders.map((provider) => [provider.name, provider] as const)
          : [],
      ),
    ),
    hasCustom: all.some((one) => one.kind === 'AuthorizationPolicy' && one.spec.action === 'CUSTOM'),
    hasTokenRules: all.some(({ kind }) => kind === 'RequestAuthentication'),
    storeRevision: 1n,
  };
}

function entryOf(facts: WorkloadFacts, { destinationIp, destinationPort }: AuthzRequest['connection']) {
  const { namespace, name = 'workload', labels, serviceAccount } = facts;
  const ports = new Map<string, number>([[`p${destinationPort}`, destinationPort]]);
  for (const [port, protocol] of facts.ports ?? []) {
    if (port === destinationPort) ports.clear();
    ports.set(`${protocol === 'auto' ? 'p' : `${protocol}-`}${port}`, port);
  }
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata: { name, namespace },
    spec: {
      address: destinationIp?.text,
      labels: Object.fromEntries(labels),
      ports: Object.fromEntries(ports),
      ...(serviceAccount === undefined ? {} : { serviceAccount }),
    },
  };
}

/** The corpus writes `token-0` where a token stands; here stands one that says what the corpus says of it. */
function withTokens(
  { http, tokens = [] }: AuthzRequest,
  issuers: ReadonlySet<string>,
): NonNullable<AuthzRequest['http']> {
  const { headers, ...rest } = http as NonNullable<AuthzRequest['http']>;
  const iss = [...issuers].find((one) => one !== '') ?? 'https://any.example';
  const real = tokens.map((token) => realToken(token, iss));
  const replaced = new Map(
    [...headers].map(([name, lines]) => [
      name,
      lines.map((line) => line.replace(/token-(\d+)$/, (whole, i) => real[Number(i)] ?? whole)),
    ]),
  );
  return { ...rest, headers: replaced };
}

function realToken(result: TokenResult, iss: string): string {
  if (result.ok) return issuer.signText(header, JSON.stringify(result.claims));
  const claims = { iss, sub: 'someone' };
  switch (result.fault) {
    case 'expired':
      return issuer.token({ ...claims, exp: 1_000_000 });
    case 'not-yet-valid':
      return issuer.token({ ...claims, nbf: 9_000_000_000 });
    case 'bad-signature':
      return issuer.token(claims).replace(/\.[^.]*$/, `.${Buffer.alloc(64, 1).toString('base64url')}`);
    case 'no-matching-key':
      return stranger.token(claims);
    default:
      return 'no-token';
  }
}

const header = JSON.stringify({ alg: issuer.algorithm, kid: issuer.kid });
