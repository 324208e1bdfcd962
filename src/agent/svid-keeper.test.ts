import { describe, expect, it } from 'vitest';
import { FakeCertificateSource, FakeMeter, testKeys, viewOf } from '../../test/fakes/agent-ports.ts';
import { FakeClock } from '../../test/fakes/clock.ts';
import { FakeLogger } from '../../test/fakes/logger.ts';
import { FakeRandom } from '../../test/fakes/random.ts';
import { makeLeaf, makePki, type TestPki } from '../../test/support/pki.ts';
import { toHex } from '../base/bytes.ts';
import { baseErrors } from '../base/errors.ts';
import { SpiffeId } from '../spiffe/index.ts';
import { formatCertificatePem, parseCertificate } from '../x509/index.ts';
import { AgentAlarms } from './alarms.ts';
import { agentErrors } from './errors.ts';
import { SvidKeeper, type WorkloadSvid } from './svid-keeper.ts';
import type { NodeView } from './view.ts';

const start = Date.parse('2026-06-01T12:00:00Z');
const minute = 60_000;
const hour = 60 * minute;
const web = 'spiffe://cluster.local/web';
const selectors = ['unix:uid:1'];
const keyOf = (svid: WorkloadSvid | undefined) =>
  parseCertificate(svid?.chainDer[0] ?? new Uint8Array(0)).publicKey.spkiSha256;

async function setUp(options: { ids?: readonly string[]; ttlMs?: number } = {}) {
  const clock = new FakeClock(start);
  const pki = await makePki({ now: start });
  const source = new FakeCertificateSource(pki, clock);
  source.ttlMs = options.ttlMs ?? hour;
  const logger = new FakeLogger();
  const alarms = new AgentAlarms(clock, logger);
  const meter = new FakeMeter();
  const changes: string[] = [];
  const keeper = new SvidKeeper({
    clock,
    random: new FakeRandom('keeper'),
    logger,
    keys: testKeys,
    source,
    alarms,
    meter,
    onChange: (id) => changes.push(id),
    maxConcurrent: 4,
  });
  const ids = options.ids ?? [web];
  const registrations = ids.map((spiffeId, i) => ({ name: `r/${i}`, spiffeId, selectors }));
  const follow = (more: Parameters<typeof viewOf>[2] = {}) => {
    const view = viewOf(pki, registrations, more);
    keeper.follow(view, view.registrations);
    return view;
  };
  return { clock, pki, source, alarms, meter, changes, keeper, follow };
}

/** Lets answers arrive: keys are made and signatures checked on the way. */
async function settled(clock: FakeClock, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !holds(); i++) await clock.advance(0);
}

describe('the keeper of certificates', () => {
  it('asks at once, and again about half way to the end, with a new key each time', async () => {
    const { clock, source, keeper, changes, follow } = await setUp();
    follow();
    await settled(clock, () => keeper.get(web) !== undefined);
    const first = keeper.get(web);
    expect(first).toMatchObject({ receivedAt: start, notAfter: start + hour });
    await clock.advance(26 * minute);
    expect(source.requests).toHaveLength(1);
    await clock.advance(8 * minute);
    await settled(clock, () => keeper.get(web)?.serial !== first?.serial);
    const second = keeper.get(web);
    expect(source.requests).toHaveLength(2);
    expect(keyOf(second)).not.toBe(keyOf(first));
    expect(toHex(second?.privateKeyPkcs8 ?? new Uint8Array(0))).not.toBe(
      toHex(first?.privateKeyPkcs8 ?? new Uint8Array(0)),
    );
    expect(changes).toEqual([web, web]);
  });

  it('has one request under way for an identity, and few in all', async () => {
    const ids = Array.from({ length: 20 }, (_, i) => `spiffe://cluster.local/w${i}`);
    const { clock, source, keeper, follow } = await setUp({ ids });
    let open = () => undefined as void;
    source.gate = new Promise((resolve) => (open = resolve));
    follow();
    follow();
    await settled(clock, () => source.running === 4);
    await clock.advance(10 * minute);
    expect([source.running, source.requests.length]).toEqual([4, 4]);
    open();
    await settled(clock, () => keeper.held().length === 20);
    expect([source.mostRunning, source.requests.length]).toEqual([4, 20]);
    expect(new Set(source.requests.map(({ spiffeId }) => spiffeId.uri)).size).toBe(20);
  });

  it('serves the awaited identity before those that are only kept warm', async () => {
    const ids = Array.from({ length: 20 }, (_, i) => `spiffe://cluster.local/w${i}`);
    const { clock, source, keeper, follow } = await setUp({ ids });
    let open = () => undefined as void;
    source.gate = new Promise((resolve) => (open = resolve));
    follow();
    await settled(clock, () => source.running === 4);
    keeper.await('spiffe://cluster.local/w19');
    open();
    await settled(clock, () => source.requests.length > 4);
    expect(source.requests[4]?.spiffeId.uri).toBe('spiffe://cluster.local/w19');
  });

  it('goes on with the old one to its end while the server is away, asks seldom, and takes up at once (adv:G7)', async () => {
    const ids = Array.from({ length: 10 }, (_, i) => `spiffe://cluster.local/w${i}`);
    const { clock, source, keeper, changes, follow } = await setUp({ ids });
    follow();
    await settled(clock, () => keeper.held().length === 10);
    source.error = agentErrors.AGENT_NOT_READY();
    const before = source.requests.length;
    await clock.advance(25 * minute);
    await clock.advance(30 * minute);
    expect(ids.every((id) => keeper.get(id) !== undefined)).toBe(true);
    // Ten identities, half an hour: one attempt in some seconds for all of them together.
    expect(source.requests.length - before).toBeLessThan(30 * 60);
    expect(source.requests.length - before).toBeGreaterThan(50);
    source.error = undefined;
    keeper.linkIsUp();
    await clock.advance(3_000);
    await settled(clock, () => keeper.held().every(({ receivedAt }) => receivedAt > start + 50 * minute));
    expect(keeper.held()).toHaveLength(10);
    expect(changes.length).toBe(20);
  });

  it('lets go of one that has ended, and tells', async () => {
    const { clock, source, keeper, changes, follow } = await setUp();
    follow();
    await settled(clock, () => keeper.get(web) !== undefined);
    source.error = agentErrors.AGENT_NOT_READY();
    await clock.advance(61 * minute);
    expect([keeper.get(web), changes]).toEqual([undefined, [web, web]]);
  });

  it('replaces at once what a tainted authority signed, and what is denied by serial', async () => {
    const { clock, pki, keeper, follow } = await setUp();
    follow();
    await settled(clock, () => keeper.get(web) !== undefined);
    const first = keeper.get(web);
    const none = { taintedKeyIds: [], revokedKeyIds: [], deniedSerials: [], deniedSpiffeIds: [] };
    const keyId = toHex(pki.intermediate.certificate.subjectKeyId ?? new Uint8Array(0));
    expect(first?.issuerKeyId).toBe(keyId);
    follow({ revocations: { ...none, taintedKeyIds: [keyId] } });
    await settled(clock, () => keeper.get(web)?.serial !== first?.serial);
    const second = keeper.get(web);
    expect(second?.serial).not.toBe(first?.serial);
    follow({ revocations: { ...none, deniedSerials: [second?.serial ?? ''] } });
    await settled(clock, () => keeper.get(web)?.serial !== second?.serial);
    expect(keeper.get(web)?.serial).not.toBe(second?.serial);
  });

  it('works while its clock is a minute behind or ahead of the server’s (adv:S14)', async () => {
    for (const skew of [-minute, minute]) {
      const { clock, source, keeper, alarms, follow } = await setUp({ ttlMs: 10 * minute });
      source.change = async (_chain, { spiffeId, csrPem }) => {
        clock.jumpWall(skew);
        const { publicKey } = (await import('../x509/index.ts')).parseCsrPem(csrPem, {
          allowEd25519: false,
          blockedSpki: new Set(),
        });
        const chain = await source.chain(spiffeId.uri, publicKey.spkiDer);
        clock.jumpWall(-skew);
        return chain;
      };
      follow();
      await settled(clock, () => keeper.get(web) !== undefined);
      expect(keeper.get(web), `${skew}`).toBeDefined();
      expect(alarms.list()).toEqual([]);
    }
  });
});

const wrongAnswers: readonly (readonly [
  string,
  (pki: TestPki, chain: string[]) => Promise<string[]> | string[],
])[] = [
  ['one_element_chain', (_pki, [leaf = '']) => [leaf]],
  ['one_element_chain', () => []],
  [
    'unreadable',
    (_pki, [, ...rest]) => ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', ...rest],
  ],
  [
    'wrong_identity',
    async (pki, [, ...rest]) => [
      formatCertificatePem(
        (await makeLeaf(pki.intermediate, 'spiffe://cluster.local/other')).certificate.der,
      ),
      ...rest,
    ],
  ],
  [
    'wrong_key',
    async (pki, [, ...rest]) => [
      formatCertificatePem((await makeLeaf(pki.intermediate, web)).certificate.der),
      ...rest,
    ],
  ],
  ['untrusted', (_pki, [leaf = '', , root = '']) => [leaf, root]],
  [
    'wrong_names',
    async (pki, [, ...rest]) => [
      formatCertificatePem(
        (await makeLeaf(pki.intermediate, web, { dnsNames: ['evil.example'] })).certificate.der,
      ),
      ...rest,
    ],
  ],
];

describe('an answer that is not what was asked for', () => {
  it.each(wrongAnswers)(
    'is not installed (%s): the old one stays, and an alarm says why',
    async (fault, spoil) => {
      const { clock, pki, source, keeper, alarms, meter, follow } = await setUp();
      follow();
      await settled(clock, () => keeper.get(web) !== undefined);
      const old = keeper.get(web);
      source.change = (chain) => spoil(pki, chain);
      await clock.advance(40 * minute);
      await settled(clock, () => alarms.list().length > 0);
      expect(keeper.get(web)).toBe(old);
      expect(alarms.list()).toMatchObject([
        { code: 'answer_refused', subject: web, message: expect.stringMatching(new RegExp(`^${fault}: `)) },
      ]);
      expect(meter.renewals.refused).toBeGreaterThan(0);
      source.change = (chain) => chain;
      await clock.advance(minute);
      await settled(clock, () => keeper.get(web) !== old);
      expect([keeper.get(web) === old, alarms.list()]).toEqual([false, []]);
    },
  );

  it('is refused when it has ended already', async () => {
    const { clock, source, keeper, alarms, follow } = await setUp();
    source.change = async (chain) => {
      clock.jumpWall(2 * hour);
      return chain;
    };
    follow();
    await settled(clock, () => alarms.list().length > 0);
    expect(keeper.get(web)).toBeUndefined();
    expect(alarms.list()[0]?.message).toMatch(/^expired: /);
  });

  it('that ends in a root we do not know yet is taken after that root came', async () => {
    const { clock, source, keeper, alarms, follow } = await setUp();
    const next = await makePki({ now: start });
    const known: NodeView = follow();
    expect(known.bundles.size).toBe(1);
    await settled(clock, () => keeper.get(web) !== undefined);
    const old = keeper.get(web);
    Object.assign(source, { pki: next });
    await clock.advance(40 * minute);
    await settled(clock, () => alarms.list().length > 0);
    expect(keeper.get(web)).toBe(old);
    const bundle = {
      trustDomain: 'cluster.local',
      sequence: 2n,
      refreshHintSeconds: 300,
      rootsDer: [next.root.certificate.der],
      jwtKeys: [],
      crlsDer: [],
      knownIssuersDer: [],
    };
    follow({ bundles: [bundle] });
    await settled(clock, () => keeper.get(web) !== old);
    expect([keeper.get(web) === old, alarms.list()]).toEqual([false, []]);
  });

  it('that is a refusal of this identity alone holds up no other', async () => {
    const other = 'spiffe://cluster.local/other';
    const { clock, source, keeper, alarms, follow } = await setUp({ ids: [web, other] });
    source.change = (chain, { spiffeId }) => {
      if (spiffeId.equals(SpiffeId.parse(web))) throw baseErrors.INTERNAL();
      return chain;
    };
    follow();
    await settled(clock, () => keeper.get(other) !== undefined && alarms.list().length > 0);
    expect(keeper.get(other)).toBeDefined();
    expect(alarms.list()).toMatchObject([{ code: 'renewal_failing', subject: web }]);
  });
});
