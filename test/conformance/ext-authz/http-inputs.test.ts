import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkServer, webFront } from '../../support/check-harness.ts';
import { httpCall } from '../../support/http-call.ts';
import { policyYaml } from '../../support/policy.ts';

const policies = policyYaml(
  'one',
  '{rules: [{from: [{source: {principals: ["cluster.local/ns/web/sa/front"]}}], to: [{operation: {methods: [GET], paths: ["/items"], hosts: ["cart.shop"]}}]}, {from: [{source: {ipBlocks: ["10.0.0.0/8"]}}], to: [{operation: {methods: [GET], paths: ["/near"]}}]}]}',
);

type Lines = readonly (readonly [string, string])[];

describe.each([
  ['default', {}],
  ['strict', { strict: true }],
] as const)('the HTTP doors in %s mode', (_mode, settings) => {
  let door: Awaited<ReturnType<typeof checkServer>>;
  beforeAll(async () => {
    door = await checkServer({ policies, settings });
  });
  afterAll(() => door[Symbol.asyncDispose]());

  const envoy = async (headers: Lines, path = '/items', method = 'GET') =>
    (
      await httpCall({
        port: door.httpPort,
        method,
        path: `/authz/ext-authz/shop/cart:8080${path}`,
        headers: [['host', 'cart.shop'], ['x-real-ip', '192.0.2.7'], ...headers],
      })
    ).status;
  const forwarded = async (changes: Readonly<Record<string, string | undefined>>, more: Lines = []) => {
    const all: Record<string, string | undefined> = {
      'X-Forwarded-Method': 'GET',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'cart.shop',
      'X-Forwarded-Uri': '/near',
      'X-Forwarded-For': '10.0.0.7',
      ...changes,
    };
    const headers = Object.entries(all).filter((line): line is [string, string] => line[1] !== undefined);
    const { status } = await httpCall({
      port: door.httpPort,
      path: '/authz/forward-auth?workload=shop/cart&port=8080',
      headers: [...headers, ...more],
    });
    return status;
  };
  const xfcc = (text: string): Lines => [['x-forwarded-client-cert', text]];

  it('believe the nearest hop of a forwarded identity alone, with exactly one URI (adv:Z34)', async () => {
    expect(await envoy(xfcc(`By=spiffe://a/b;Hash=0;URI=${webFront}`))).toBe(200);
    expect(await envoy(xfcc(`URI=spiffe://x/y,By=z;Subject="CN=a;b,c\\"d";URI=${webFront}`))).toBe(200);
    for (const text of [
      `URI=${webFront},By=z;URI=spiffe://cluster.local/ns/web/sa/other`,
      `URI=${webFront};URI=spiffe://cluster.local/ns/web/sa/other`,
      `Subject="URI=${webFront}"`,
      `Subject="a;URI=${webFront}`,
      `DNS=${webFront}`,
      `URI="${webFront}`,
      `By=${webFront}`,
      `Cert="%zz";URI=${webFront}`,
      `URI=${webFront}/`,
      '',
      `Hash=${'a'.repeat(60_000)};URI=spiffe://x/y`,
    ])
      expect(await envoy(xfcc(text)), text.slice(0, 80)).not.toBe(200);
    expect(await envoy([...xfcc(`URI=${webFront}`), ...xfcc(`URI=${webFront}`)])).not.toBe(200);
  });

  it('take the client’s address from the proxy that asks, never from further away (adv:Z18)', async () => {
    expect(await forwarded({})).toBe(200);
    expect(await forwarded({ 'X-Forwarded-For': '192.0.2.1, 10.0.0.7' })).toBe(200);
    expect(await forwarded({ 'X-Forwarded-For': '::ffff:10.0.0.7' })).toBe(200);
    for (const ip of [
      '10.0.0.7, 192.0.2.1',
      '10.0.0.7, garbage',
      '10.0.0.7,',
      '010.0.0.7',
      '10.7',
      '10.0.0.7:80',
      'fe80::1%eth0',
      `${'10.0.0.7, '.repeat(100)}192.0.2.1`,
      undefined,
    ])
      expect(await forwarded({ 'X-Forwarded-For': ip }), ip).not.toBe(200);
    expect(await envoy([['x-real-ip', '10.0.0.7']], '/near')).not.toBe(200);
    expect(await envoy([['x-forwarded-for', '10.0.0.7']], '/near')).not.toBe(200);
  });

  it('take each word of the question once, from its own header', async () => {
    for (const changes of [
      { 'X-Forwarded-Uri': undefined },
      { 'X-Forwarded-Uri': 'http://evil/near' },
      { 'X-Forwarded-Uri': '/near, /near' },
      { 'X-Forwarded-Uri': '//near/../admin' },
      { 'X-Forwarded-Method': 'get' },
      { 'X-Forwarded-Method': 'GET, GET' },
      { 'X-Forwarded-Host': 'cart.shop, evil' },
      { 'X-Forwarded-Proto': 'https, http' },
    ])
      expect(await forwarded(changes), JSON.stringify(changes)).not.toBe(200);
    const away = { 'X-Forwarded-Uri': '/admin' };
    for (const more of [
      [['X-Forwarded-Uri', '/near']],
      [['X_Forwarded_Uri', '/near']],
      [['X.Forwarded.Uri', '/near']],
      [['X-Original-URL', 'https://cart.shop/near']],
      [['X-Envoy-Original-Path', '/near']],
      [['X-HTTP-Method-Override', 'GET']],
      [['Connection', 'X-Forwarded-Uri']],
      [['X-Envoy-Auth-Partial-Body', 'true']],
    ] as const)
      expect(await forwarded(away, more), JSON.stringify(more)).not.toBe(200);
    expect(await forwarded({}, [['Connection', 'X-Forwarded-Host']])).not.toBe(200);
  });

  it('know the workload from the URL that the operator wrote alone', async () => {
    for (const query of [
      '',
      '?workload=shop',
      '?workload=shop/cart&workload=shop/other&port=8080',
      '?workload=shop/cart/x',
      '?workload=shop/../cart',
      '?workload=SHOP/cart',
      '?workload=shop/cart&port=80a',
      '?workload=shop/cart&port=99999',
    ]) {
      const { status } = await httpCall({
        port: door.httpPort,
        path: `/authz/forward-auth${query}`,
        headers: [
          ['X-Forwarded-Method', 'GET'],
          ['X-Forwarded-Proto', 'https'],
          ['X-Forwarded-Host', 'cart.shop'],
          ['X-Forwarded-Uri', '/near'],
          ['X-Forwarded-For', '10.0.0.7'],
        ],
      });
      expect(status, query).not.toBe(200);
    }
  });

  it.each([
    [
      'a length and chunks',
      'POST /authz/forward-auth HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    [
      'two lengths',
      'POST /authz/forward-auth HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde',
    ],
    ['a bare line feed in a header', 'GET /authz/forward-auth HTTP/1.1\r\nHost: a\r\nX-A: b\nX-B: c\r\n\r\n'],
    [
      'too many bytes of headers',
      `GET /authz/forward-auth HTTP/1.1\r\nHost: a\r\nX-A: ${'a'.repeat(70_000)}\r\n\r\n`,
    ],
    [
      'a target that is whole',
      'GET http://a/authz/forward-auth?workload=shop/cart&port=8080 HTTP/1.1\r\nHost: a\r\n\r\n',
    ],
    [
      'an expectation',
      'GET /authz/forward-auth?workload=shop/cart&port=8080 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n',
    ],
    ['what is no HTTP', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000'],
  ])('allow nothing to a request with %s, and go on', async (_what, text) => {
    const answer = await new Promise<string>((resolve) => {
      let got = '';
      const socket = connect(door.httpPort, '127.0.0.1', () => socket.end(text, 'latin1'));
      socket.on('data', (part) => (got += part.toString('latin1')));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(got));
    });
    expect(answer).not.toMatch(/^HTTP\/1\.1 2/m);
    expect(await forwarded({})).toBe(200);
  });
});

describe('a client that is slow on purpose', () => {
  it('is cut off, and holds up nobody (adv:N01)', async () => {
    await using door = await checkServer({ policies, httpLimits: { requestTimeoutMs: 300 } });
    const cut = (text: string) =>
      new Promise<void>((resolve) => {
        const socket = connect(door.httpPort, '127.0.0.1', () => socket.write(text));
        socket.on('error', () => undefined);
        socket.on('data', () => undefined);
        socket.on('close', () => resolve());
      });
    const slow = [
      cut('GET /authz/forward-auth HTTP/1.1\r\nHost: a\r\nX-A'),
      cut(
        'POST /access/v1/evaluation HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{',
      ),
    ];
    const { status } = await httpCall({ port: door.httpPort, path: '/.well-known/authzen-configuration' });
    expect(status).toBe(200);
    await Promise.all(slow);
  });
});
