import { status as StatusCode } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agentErrors } from '../../../src/agent/index.ts';
import { baseErrors } from '../../../src/base/errors.ts';
import { registration } from '../../fakes/agent-server.ts';
import { FakeTokenIssuer } from '../../fakes/token-issuer.ts';
import {
  type AgentUnderTest,
  errorOf,
  SocketClient,
  selfSelectors,
  startTestAgent,
} from '../../support/agent.ts';
import { makePki } from '../../support/pki.ts';
import { workloadApi } from '../../support/workload-client.ts';

const td = 'spiffe://cluster.local';
const partner = new FakeTokenIssuer({ kid: 'partner-1' });
const stranger = new FakeTokenIssuer({ kid: 'stranger-1' });

let node: AgentUnderTest;
let client: SocketClient;
beforeAll(async () => {
  node = await startTestAgent({
    prepare: async (server) => {
      const foreign = await makePki({ trustDomain: 'partner.example', now: Date.now() });
      const roots = [foreign.root.certificate];
      server.state.federated = [
        { trustDomain: 'partner.example', roots, jwks: partner },
        { trustDomain: 'stranger.example', roots, jwks: stranger },
        { trustDomain: 'nokeys.example', roots },
      ];
    },
    registrations: [
      registration('a/web', `${td}/web`, selfSelectors, { hint: 'one' }),
      registration('b/admin', `${td}/admin`, selfSelectors, {
        federatesWith: ['partner.example', 'nokeys.example'],
      }),
    ],
  });
  client = new SocketClient(node.socket);
});
afterAll(async () => {
  client[Symbol.dispose]();
  await node[Symbol.asyncDispose]();
});

const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
const codeOf = async (work: Promise<unknown>) => (await errorOf(work)).code;
const seconds = () => Math.floor(Date.now() / 1000);
const claims = (more: Record<string, unknown> = {}) => ({
  iss: undefined,
  sub: `${td}/peer`,
  aud: ['db'],
  exp: seconds() + 300,
  ...more,
});

describe('FetchJWTSVID', () => {
  it('gives one token for every identity when none is named, with the audience in it (spiffe:W-01 spiffe:W-17 spiffe:J-06 spiffe:J-07)', async () => {
    const { svids } = await workloadApi.jwt(client, ['db']);
    expect(svids.map(({ spiffeId, hint }) => [spiffeId, hint])).toEqual([
      [`${td}/web`, 'one'],
      [`${td}/admin`, ''],
    ]);
    for (const { svid, spiffeId } of svids)
      expect(claimsOf(svid)).toMatchObject({ sub: spiffeId, aud: ['db'], exp: expect.any(Number) });
  });

  it('gives the one that is named, and none that is not the caller’s (spiffe:W-17)', async () => {
    const { svids } = await workloadApi.jwt(client, ['db'], `${td}/admin`);
    expect(svids.map(({ spiffeId }) => spiffeId)).toEqual([`${td}/admin`]);
    expect(await codeOf(workloadApi.jwt(client, ['db'], `${td}/other`))).toBe(StatusCode.PERMISSION_DENIED);
    expect(await codeOf(workloadApi.jwt(client, ['db'], 'not-an-id'))).toBe(StatusCode.INVALID_ARGUMENT);
  });

  it.each([[[]], [['']], [Array.from({ length: 17 }, (_, i) => `a${i}`)], [['x'.repeat(1_025)]]])(
    'needs an audience: %# (spiffe:W-08 spiffe:W-17 spiffe:J-08)',
    async (audience) => {
      expect(await codeOf(workloadApi.jwt(client, audience))).toBe(StatusCode.INVALID_ARGUMENT);
    },
  );

  it('asks its server once for what many want at the same time, and again for another audience (spiffe:J-13)', async () => {
    const before = node.server.counts.mint;
    const many = await Promise.all(
      Array.from({ length: 20 }, () => workloadApi.jwt(client, ['busy'], `${td}/web`)),
    );
    expect(new Set(many.map(({ svids }) => svids[0]?.svid)).size).toBe(1);
    expect(node.server.counts.mint).toBe(before + 1);
    await workloadApi.jwt(client, ['busy', 'more'], `${td}/web`);
    expect(node.server.counts.mint).toBe(before + 2);
  });

  it('gives what it has to its end while its server is away, and says so when it has none (spiffe:E-10)', async () => {
    const first = await workloadApi.jwt(client, ['away'], `${td}/web`);
    node.server.state.refuse = (method) => (method === 'mint' ? agentErrors.AGENT_NOT_READY() : undefined);
    expect((await workloadApi.jwt(client, ['away'], `${td}/web`)).svids).toEqual(first.svids);
    expect(await codeOf(workloadApi.jwt(client, ['new'], `${td}/web`))).toBe(StatusCode.UNAVAILABLE);
    node.server.state.refuse = (method) => (method === 'mint' ? baseErrors.INTERNAL() : undefined);
    expect(await codeOf(workloadApi.jwt(client, ['new'], `${td}/web`))).toBe(StatusCode.INTERNAL);
    node.server.state.refuse = undefined;
  });
});

describe('FetchJWTBundles', () => {
  it('holds JWKS documents with keys for JWT-SVIDs only, each with its id (spiffe:W-18 spiffe:J-11 spiffe:W-23)', async () => {
    using stream = workloadApi.jwtBundles(client);
    const { bundles } = await stream.next();
    const read = (name: string) =>
      (JSON.parse(Buffer.from(bundles[name] ?? []).toString()) as { keys: Record<string, string>[] }).keys;
    expect(Object.keys(bundles).sort()).toEqual([td, 'spiffe://nokeys.example', 'spiffe://partner.example']);
    expect(read(td)).toMatchObject([{ kid: 'jwt-1', use: 'jwt-svid', kty: 'EC' }]);
    expect(read(td)[0]).not.toHaveProperty('d');
    expect(read('spiffe://partner.example')).toMatchObject([{ kid: 'partner-1' }]);
    expect(read('spiffe://nokeys.example')).toEqual([]);
  });
});

describe('ValidateJWTSVID', () => {
  it('accepts what the agent itself hands out, and shows the claims (spiffe:W-19)', async () => {
    const { svids } = await workloadApi.jwt(client, ['db'], `${td}/web`);
    const answer = await workloadApi.validate(client, 'db', svids[0]?.svid ?? '');
    expect(answer.spiffeId).toBe(`${td}/web`);
    expect(answer.claims).toMatchObject({ sub: `${td}/web`, aud: ['db'], exp: expect.any(Number) });
  });

  it('accepts tokens of a domain that the caller federates with, by that domain’s keys (spiffe:W-10 spiffe:J-14)', async () => {
    const token = partner.token(claims({ sub: 'spiffe://partner.example/x' }));
    expect((await workloadApi.validate(client, 'db', token)).spiffeId).toBe('spiffe://partner.example/x');
  });

  it('refuses every field that is empty (spiffe:W-08 spiffe:W-19)', async () => {
    const token = node.server.jwt.token(claims());
    expect(await codeOf(workloadApi.validate(client, '', token))).toBe(StatusCode.INVALID_ARGUMENT);
    expect(await codeOf(workloadApi.validate(client, 'db', ''))).toBe(StatusCode.INVALID_ARGUMENT);
  });

  it.each<readonly [string, () => string]>([
    ['is no compact token (spiffe:J-01)', () => JSON.stringify({ payload: 'x', signatures: [] })],
    [
      'has a further header (spiffe:J-02)',
      () => node.server.jwt.token(claims(), { jku: 'https://evil.example' }),
    ],
    [
      'has an algorithm that is not listed (spiffe:J-03)',
      () => node.server.jwt.token(claims(), { alg: 'none' }),
    ],
    ['has no key id (spiffe:J-04)', () => node.server.jwt.token(claims(), { kid: undefined })],
    ['has another type (spiffe:J-05)', () => node.server.jwt.token(claims(), { typ: 'at+jwt' })],
    [
      'has a subject that is no SPIFFE ID (spiffe:J-06)',
      () => node.server.jwt.token(claims({ sub: 'alice' })),
    ],
    ['is for somebody else (spiffe:J-07)', () => node.server.jwt.token(claims({ aud: ['cache'] }))],
    ['has no audience (spiffe:J-07)', () => node.server.jwt.token(claims({ aud: undefined }))],
    ['has no end (spiffe:J-09)', () => node.server.jwt.token(claims({ exp: undefined }))],
    ['has ended (spiffe:J-09)', () => node.server.jwt.token(claims({ exp: seconds() - 120 }))],
    [
      'has a key that is not published (spiffe:J-12)',
      () => node.server.jwt.token(claims(), { kid: 'jwt-2' }),
    ],
    ['is signed by another domain’s key (spiffe:J-14)', () => partner.token(claims())],
    [
      'is of a domain the caller does not federate with (spiffe:J-14)',
      () => stranger.token(claims({ sub: 'spiffe://stranger.example/x' })),
    ],
    [
      'is of a domain without JWT keys (spiffe:J-12 spiffe:J-14)',
      () => stranger.token(claims({ sub: 'spiffe://nokeys.example/x' })),
    ],
    [
      'is of a domain nobody knows (spiffe:J-14)',
      () => stranger.token(claims({ sub: 'spiffe://nowhere.example/x' })),
    ],
    ['was changed (spiffe:W-19)', () => `${node.server.jwt.token(claims()).slice(0, -6)}AAAAAA`],
  ])('refuses a token that %s', async (_why, token) => {
    const refused = await errorOf(workloadApi.validate(client, 'db', token()));
    expect(refused.code).toBe(StatusCode.INVALID_ARGUMENT);
    expect(refused.details).not.toContain(token());
  });

  it('accepts the same token twice (spiffe:J-13)', async () => {
    const token = node.server.jwt.token(claims({ jti: 'once' }));
    for (let i = 0; i < 2; i++)
      expect((await workloadApi.validate(client, 'db', token)).spiffeId).toBe(`${td}/peer`);
  });
});

describe('WIT-SVIDs', () => {
  it('are UNIMPLEMENTED, each of their calls (spiffe:W-20 spiffe:W-21)', async () => {
    for (const call of [workloadApi.wit, workloadApi.witBundles])
      expect(await codeOf(call(client).next())).toBe(StatusCode.UNIMPLEMENTED);
  });
});
