/** The corpus through the doors: whatever a door is, it decides as `evaluate` does. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { RequestKeys } from '../../../src/operations/policy-snapshot/index.ts';
import { type Decision } from '../../../src/policy/index.ts';
import { context } from '../../../src/x509/der-reader.ts';
import { derSequence, derValue } from '../../../src/x509/der-writer.ts';
import { formatCertificatePem } from '../../../src/x509/index.ts';
import { oids } from '../../../src/x509/oids.ts';
import { FakeLogger } from '../../fakes/logger.ts';
import { buildCertificate, nameOf } from '../../support/certificate.ts';
import { checkServer } from '../../support/check-harness.ts';
import { extension } from '../../support/csr.ts';
import { httpCall } from '../../support/http-call.ts';
import { day, newKey } from '../../support/pki.ts';
import { freePort, greetingServer } from '../../support/proxies/app-server.ts';
import { callOf, checkOf, leftOut, type VectorDoor } from '../../support/proxies/ask-vector.ts';
import { corpusEnvoyConfig, throughEnvoy } from '../../support/proxies/corpus-envoy.ts';
import { type RunningProxy, startEnvoy } from '../../support/proxies/program.ts';
import { revokedPeer, VectorPeers } from '../../support/proxies/vector-peers.ts';
import { type VectorCase, vectorCases, vectorFiles } from '../../support/proxies/vectors.ts';
import { findTool } from '../../support/tools.ts';

const peers = new VectorPeers();
let custom: VectorCase['request']['custom'];
let door: Awaited<ReturnType<typeof checkServer>>;
let greeting: Awaited<ReturnType<typeof greetingServer>>;
let envoy: RunningProxy | undefined;
let ports = { http: 0, tcp: 0 };
const hasEnvoy = findTool('envoy') !== undefined;
const asked = new Map<VectorDoor, Set<string>>();
const notAsked: string[] = [];

beforeAll(async () => {
  const tokens = new RequestKeys({
    fetcherFor: () => ({ fetch: () => Promise.reject(new Error('no keys are fetched here')) }) as never,
    clock: systemClock,
    logger: new FakeLogger(),
  });
  door = await checkServer({
    trust: peers.trust,
    tokens,
    bindings: [{ name: 'local', listener: 'ext-authz', trustProxyPrincipal: false }],
    custom: {
      ask: ({ name }) => {
        const result = custom?.get(name);
        return result === undefined || result.outcome === 'unavailable'
          ? Promise.reject(new Error('away'))
          : Promise.resolve(result);
      },
    },
  });
  door.revoked.add(revokedPeer);
  greeting = await greetingServer();
  if (!hasEnvoy) return;
  ports = { http: await freePort(), tcp: await freePort() };
  const key = newKey();
  const now = Date.now();
  const server = buildCertificate(key, key, {
    subjectDer: nameOf('envoy'),
    extensions: [
      extension(oids.subjectAltName, derSequence(derValue(context(2), Buffer.from('envoy.test'))), false),
    ],
    notBefore: now - day,
    notAfter: now + day,
  });
  const config = corpusEnvoyConfig({ ...ports, castellan: door.server.port, backend: greeting.port });
  envoy = await startEnvoy(config, ports.http, {
    'server.pem': formatCertificatePem(server),
    'server.key': key.export({ type: 'pkcs8', format: 'pem' }) as string,
  });
});
afterAll(async () => {
  await envoy?.[Symbol.asyncDispose]();
  await door[Symbol.asyncDispose]();
  await greeting[Symbol.asyncDispose]();
});

type Seen = { readonly isAllowed: boolean; readonly status: number | undefined };

const ask: Readonly<Record<VectorDoor, (vector: VectorCase) => Promise<Seen>>> = {
  async Envoy({ request }) {
    const answer = await throughEnvoy(ports, request, await peers.of(request.connection));
    if (request.http === undefined) return { isAllowed: answer === 'welcome', status: undefined };
    const status = Number(/^HTTP\/1\.[01] (\d+)/.exec(answer)?.[1]);
    return { isAllowed: status === 200, status: status === 200 ? undefined : status };
  },
  async gRPC({ request }) {
    const { response } = await door.client.check(checkOf(request, await peers.of(request.connection)));
    const { status, httpResponse } = response;
    const denied = httpResponse.case === 'deniedResponse' ? httpResponse.value.status?.code : undefined;
    return { isAllowed: status?.code === 0, status: denied };
  },
  'ext-authz-http': (vector) => call('ext-authz-http', vector),
  'forward-auth': (vector) => call('forward-auth', vector),
  'auth-request': (vector) => call('auth-request', vector),
};

async function call(
  dialect: 'ext-authz-http' | 'forward-auth' | 'auth-request',
  { request }: VectorCase,
): Promise<Seen> {
  const question = callOf(dialect, request, await peers.of(request.connection));
  const { status } = await httpCall({ port: door.httpPort, ...question });
  return { isAllowed: status === 200, status: undefined };
}

const wordsOf = ({ outcome, reason, policyId, wouldHave }: Decision) =>
  `${outcome} ${reason} ${policyId ?? '-'} ${wouldHave?.outcome ?? '-'}`;

/** What was decided, what was sent, and where the two were not what they should be. */
async function compare(vector: VectorCase, by: VectorDoor): Promise<string | undefined> {
  const where = `${by}: ${vector.file} (${vector.mode}) ${vector.name}`;
  const reason = leftOut(vector, by);
  if (reason !== undefined) {
    notAsked.push(`${where}: ${reason}`);
    return undefined;
  }
  door.setActive(vector.active());
  custom = vector.request.custom;
  const before = door.decided.length;
  let seen: Seen;
  try {
    seen = await ask[by](vector);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    notAsked.push(`${where}: no HTTP client can send it`);
    return undefined;
  }
  const decided = door.decided[before]?.outcome.decision;
  if (decided === undefined) {
    // Refused by whoever carries it, before anybody was asked: as good as denied, and never allowed.
    notAsked.push(`${where}: it is refused on the way`);
    return seen.isAllowed ? `${where}: allowed without being asked about` : undefined;
  }
  asked.set(by, (asked.get(by) ?? new Set()).add(`${vector.file} ${vector.name}`));
  const [got, wanted] = [wordsOf(decided), wordsOf(vector.decision)];
  if (got !== wanted) return `${where}: decided \`${got}\`, evaluate \`${wanted}\``;
  if (seen.isAllowed !== (decided.outcome === 'allow'))
    return `${where}: decided ${got}, but ${JSON.stringify(seen)}`;
  // A mesh proxy would close the connection (0); one that asks can only be told to answer.
  const status = decided.effects.response?.status || 403;
  return seen.status === undefined || seen.status === status
    ? undefined
    : `${where}: sent ${seen.status}, not ${status}`;
}

describe('the corpus', () => {
  describe.each(vectorFiles)('%s', (file) => {
    const vectors = vectorCases(file);
    const doors: readonly VectorDoor[] = ['gRPC', 'ext-authz-http', 'forward-auth', 'auth-request'];
    it.each(hasEnvoy ? (['Envoy', ...doors] as const) : doors)(
      'is decided by %s as by evaluate',
      async (by) => {
        const problems: string[] = [];
        for (const vector of vectors) {
          const problem = await compare(vector, by);
          if (problem !== undefined) problems.push(problem);
        }
        expect(problems).toEqual([]);
      },
    );
  });

  it('reaches the doors as a real request in most cases, and what does not has its reason', () => {
    const all = new Set(
      vectorFiles.flatMap((file) => vectorCases(file).map(({ name }) => `${file} ${name}`)),
    );
    const counts = Map.groupBy(notAsked, (line) => line.slice(line.lastIndexOf(': ') + 2));
    for (const [reason, lines] of counts) console.info(`${lines.length} not asked: ${reason}`);
    for (const [by, cases] of asked) {
      console.info(`${by}: ${cases.size} of ${all.size} cases`);
      expect(cases.size).toBeGreaterThan(by === 'gRPC' || by === 'Envoy' ? 700 : 500);
    }
  });

  it.skipIf(!hasEnvoy)('is listed where Envoy cannot be asked, each case with its reason', async () => {
    const lines = notAsked.filter((line) => line.startsWith('Envoy: ')).map((line) => line.slice(7));
    await expect(`${lines.sort().join('\n')}\n`).toMatchFileSnapshot('../../vectors/not-through-envoy.txt');
  });
});
