import http2 from 'node:http2';
import { connect } from 'node:net';
import { create, toBinary } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PeerTrust } from '../../../src/operations/check-request/index.ts';
import { CheckRequestSchema } from '../../../src/wire/gen/envoy/service/auth/v3/external_auth_pb.js';
import { parseCertificate } from '../../../src/x509/index.ts';
import { ask, checkServer, webFront } from '../../support/check-harness.ts';
import { type CertificateShape, makeCertificate, makeRoot } from '../../support/foreign-pki.ts';
import { policyYaml, requestAuthYaml } from '../../support/policy.ts';
import { frameMessage } from '../../support/raw-call.ts';
import { until } from '../../support/wire-server.ts';

const policies = policyYaml(
  'front',
  '{rules: [{from: [{source: {principals: ["cluster.local/ns/web/sa/front"]}}]}]}',
);

describe.each([
  ['default', {}],
  ['strict', { strict: true }],
] as const)('a peer certificate in %s mode', (_mode, settings) => {
  let door: Awaited<ReturnType<typeof checkServer>>;
  let root: Awaited<ReturnType<typeof makeRoot>>;
  beforeAll(async () => {
    root = await makeRoot();
    const trust: PeerTrust = {
      rootsFor: (td) => (td === 'cluster.local' ? [parseCertificate(root.der)] : undefined),
      knownIssuers: () => [],
      crls: () => [],
      revision: () => 1,
    };
    door = await checkServer({ policies, settings, trust });
  });
  afterAll(() => door[Symbol.asyncDispose]());

  const codeFor = async (certificate: string, principal = webFront) =>
    (await door.client.check(ask({ certificate, principal }))).response.status?.code;
  const pemOf = async (shape: CertificateShape, signer = root) =>
    (await makeCertificate({ uris: [webFront], ...shape }, signer)).pem;

  it('counts, percent-encoded or not', async () => {
    const pem = await pemOf({});
    expect(await codeFor(encodeURIComponent(pem))).toBe(0);
    expect(await codeFor(pem)).toBe(0);
    expect(await codeFor(encodeURIComponent(await pemOf({ dnsNames: ['front.web'] })))).toBe(0);
  });

  it.each<readonly [string, CertificateShape]>([
    ['two URI names', { uris: [webFront, 'spiffe://cluster.local/ns/web/sa/other'] }],
    ['the same URI name twice', { uris: [webFront, webFront] }],
    ['no URI name', { uris: [], dnsNames: ['front.web'] }],
    ['no name at all', { uris: [], subject: `CN=${webFront}` }],
    ['a NUL in its name', { uris: [`${webFront}\u0000.evil.example`] }],
    ['an authority’s rights', { isCa: true }],
    ['the right to sign certificates', { keyUsage: 0x04 | 0x80 }],
    ['no use for clients', { extendedKeyUsage: ['1.3.6.1.5.5.7.3.1'] }],
    [
      'an end in the past',
      { notBefore: new Date(Date.now() - 7_200_000), notAfter: new Date(Date.now() - 3_600_000) },
    ],
    [
      'a beginning in the future',
      { notBefore: new Date(Date.now() + 3_600_000), notAfter: new Date(Date.now() + 7_200_000) },
    ],
  ])('with %s proves nothing', async (_what, shape) => {
    expect(await codeFor(encodeURIComponent(await pemOf(shape)))).toBe(7);
  });

  it('of another authority, or of another name than the principal, proves nothing', async () => {
    expect(await codeFor(encodeURIComponent(await pemOf({}, await makeRoot())))).toBe(7);
    const other = await pemOf({ uris: ['spiffe://cluster.local/ns/web/sa/other'] });
    expect(await codeFor(encodeURIComponent(other))).toBe(7);
  });

  it('that cannot be read is refused', async () => {
    const pem = await pemOf({});
    for (const text of [
      pem + pem,
      `${pem}garbage`,
      `garbage\n${pem}`,
      pem.slice(0, -40),
      encodeURIComponent(pem).replace('%0A', '%0'),
      '%',
      'a'.repeat(100_000),
      pem.replace('CERTIFICATE', 'X509 CRL'),
      '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n',
    ])
      expect(await codeFor(text)).toBe(7);
    expect(await codeFor(pem)).toBe(0);
  });
});

describe('the gRPC door for proxies', () => {
  let door: Awaited<ReturnType<typeof checkServer>>;
  beforeAll(async () => {
    door = await checkServer({ policies });
  });
  afterAll(() => door[Symbol.asyncDispose]());

  const ordinary = toBinary(CheckRequestSchema, create(CheckRequestSchema, ask()));
  const stillDecides = async () => expect((await door.client.check(ask())).response.status?.code).toBe(0);
  const headers = {
    ':method': 'POST',
    ':path': '/envoy.service.auth.v3.Authorization/Check',
    'content-type': 'application/grpc',
    te: 'trailers',
  } as const;

  async function send(body: Uint8Array, extra: Record<string, string> = {}): Promise<string | undefined> {
    const session = http2.connect(`http://127.0.0.1:${door.server.port}`);
    session.on('error', () => undefined);
    try {
      return await new Promise((resolve) => {
        const stream = session.request({ ...headers, ...extra });
        let code: string | undefined;
        stream.on('error', () => undefined);
        stream.on('response', (got) => (code ??= got['grpc-status'] as string | undefined));
        stream.on('trailers', (got) => (code ??= got['grpc-status'] as string | undefined));
        stream.once('close', () => resolve(code));
        stream.resume();
        stream.end(body);
      });
    } finally {
      session.destroy();
    }
  }

  it('passes over fields it does not know', async () => {
    // Field 99, two bytes.
    const { response } = await door.client.send(
      Buffer.concat([ordinary, Uint8Array.of(0x9a, 0x06, 2, 1, 1)]),
    );
    expect(response.status?.code).toBe(0);
  });

  it('denies what is cut short, at whichever byte', async () => {
    for (let length = 0; length < ordinary.length; length += 3) {
      const { response } = await door.client.send(ordinary.subarray(0, length));
      expect(response.status?.code, `at ${length}`).toBe(7);
    }
    await stillDecides();
  });

  it('answers, and never allows more, whatever bit is wrong', async () => {
    for (let bit = 0; bit < ordinary.length * 8; bit += 13) {
      const broken = Uint8Array.from(ordinary);
      broken[bit >> 3] = (broken[bit >> 3] as number) ^ (1 << (bit & 7));
      const { response, bytes } = await door.client.send(broken);
      expect(bytes.length).toBeGreaterThan(0);
      expect([0, 7, 16]).toContain(response.status?.code);
      const asked = door.decided.at(-1)?.outcome;
      if (response.status?.code === 0) expect(asked?.request?.connection.peer?.uri).toBe(webFront);
    }
    await stillDecides();
  });

  it.each([
    ['over its limit', frameMessage(new Uint8Array(4 * 1024 * 1024)), {}, status.RESOURCE_EXHAUSTED],
    ['that says it has 4 GiB', Buffer.from([0, 255, 255, 255, 255, 1]), {}, status.RESOURCE_EXHAUSTED],
    [
      'that is compressed',
      Buffer.from([1, 0, 0, 0, 1, 0]),
      { 'grpc-encoding': 'gzip' },
      status.UNIMPLEMENTED,
    ],
  ] as const)(
    'refuses a message %s before it is read (adv:Z31 adv:N08)',
    async (_what, body, extra, code) => {
      const before = door.decided.length;
      expect(await send(body, extra)).toBe(String(code));
      expect(door.decided.length).toBe(before);
      await stillDecides();
    },
  );

  it('denies a megabyte of headers that fits into many messages', async () => {
    const lines = Array.from({ length: 500 }, (_, i) => [`x-${i}`, 'a'.repeat(1_000)] as const);
    const { response } = await door.client.check(ask({ headers: Object.fromEntries(lines.slice(0, 400)) }));
    expect(response.status?.code).toBe(0);
    await expect(
      door.client.check(
        ask({ headers: Object.fromEntries(lines.map(([name]) => [name, 'a'.repeat(4_096)])) }),
      ),
    ).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    await stillDecides();
  });

  it('goes on after questions whose deadline is over or that nobody waits for', async () => {
    for (const deadlineMs of [-1, 0, 1])
      await door.client.check(ask(), { deadlineMs }).then(
        ({ response }) => expect([0, 7]).toContain(response.status?.code),
        (error: { code?: number }) => expect(error.code).toBe(status.DEADLINE_EXCEEDED),
      );
    await stillDecides();
  });

  it('denies what it cannot decide before the deadline of the call', async () => {
    const tokens = { verify: () => new Promise<never>(() => undefined) };
    const jwt = requestAuthYaml('jwt', '{jwtRules: [{issuer: "https://issuer.example"}]}');
    await using slow = await checkServer({ policies: `${policies}---\n${jwt}`, tokens });
    const answer = await slow.client
      .check(ask({ headers: { authorization: 'Bearer a.b.c' } }), { deadlineMs: 300 })
      .then(
        ({ response }) => response.status?.message,
        (error: { code?: number }) => error.code,
      );
    // The answer leaves a moment before the deadline; on a busy machine the caller may have given up by then.
    expect(['overloaded', status.DEADLINE_EXCEEDED]).toContain(answer);
    await until(() => slow.decided.length > 0);
    const { outcome } = slow.decided[0] as (typeof slow.decided)[number];
    expect(outcome.decision).toMatchObject({ outcome: 'deny', reason: 'overloaded' });
  });

  it('cuts off a peer that opens streams to reset them (adv:N03)', async () => {
    const session = http2.connect(`http://127.0.0.1:${door.server.port}`);
    session.on('error', () => undefined);
    while (!session.destroyed) {
      for (let i = 0; i < 50 && !session.destroyed; i++) {
        const stream = session.request(headers);
        stream.on('error', () => undefined);
        stream.close(http2.constants.NGHTTP2_CANCEL);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    await stillDecides();
  });

  it('decides for others while connections say nothing and go (adv:N14)', async () => {
    const before = door.server.connections.size;
    for (let i = 0; i < 200; i++)
      await new Promise<void>((resolve) => {
        const socket = connect(door.server.port, '127.0.0.1', () => socket.destroy());
        socket.once('close', () => resolve());
      });
    await stillDecides();
    await until(() => door.server.connections.size <= before);
  });
});
