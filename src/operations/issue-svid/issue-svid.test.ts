import { describe, expect, it } from 'vitest';
import { generateKey } from '../../../test/fakes/authority-stores.ts';
import { evidence } from '../../../test/fakes/evidence.ts';
import { FakeLogger } from '../../../test/fakes/logger.ts';
import { FakeStore } from '../../../test/fakes/store.ts';
import { newAuthority } from '../../../test/support/authority.ts';
import type { Authority } from '../../authority/index.ts';
import { baseErrors } from '../../base/errors.ts';
import { type Authenticator, impersonationRules, RegistrationIndex } from '../../identity/index.ts';
import { parseTrustDomain, SpiffeId } from '../../spiffe/index.ts';
import {
  buildCsr,
  defaultKeyPolicy,
  formatCsrPem,
  localSigner,
  parseCertificatesPem,
} from '../../x509/index.ts';
import { ClockGuard } from '../clock-guard.ts';
import type { RegistrationView } from '../registrations.ts';
import { RecordedStanding } from './certificate-standing.ts';
import { issueSvid } from './issue-svid.ts';
import type { IssueOutcome, IssueSvidParts, IssueSvidRequest } from './types.ts';

const trustDomain = parseTrustDomain('cluster.local');
const cart = 'spiffe://cluster.local/ns/shop/sa/cart';

/** The bearer token is the identity; `down` cannot be judged. */
const byName: Authenticator = {
  name: 'by-name',
  secondOpinion: 'never',
  async authenticate({ headers }) {
    const name = headers.authorization[0]?.slice('Bearer '.length);
    if (name === undefined) return { outcome: 'not-applicable' };
    if (name === 'down')
      return { outcome: 'unavailable', reason: 'review', detail: 'the API server is away' };
    const id = SpiffeId.tryParse(name);
    if (id === undefined) return { outcome: 'rejected', reason: 'bad', detail: 'secret detail' };
    return { outcome: 'accepted', caller: { identities: [id], method: 'jwt', subject: id.uri } };
  },
};

const nobody: RegistrationView = {
  registry: new RegistrationIndex('Kubernetes', []),
  isRegistered: () => false,
  dnsNamesOf: () => [],
  under: () => [],
  until: Number.POSITIVE_INFINITY,
};

async function csrPem(): Promise<string> {
  return formatCsrPem(await buildCsr(localSigner(generateKey('P-256'))));
}

async function setUp(
  changes: Partial<IssueSvidParts> = {},
  settings: Partial<IssueSvidParts['settings']> = {},
) {
  const { authority, ports } = await newAuthority();
  const { clock } = ports;
  const store = new FakeStore({ clock });
  const logger = new FakeLogger();
  const outcomes: IssueOutcome[] = [];
  const limitHits: string[] = [];
  const clockGuard = new ClockGuard(clock, undefined);
  const records = new RecordedStanding({
    issuances: store.issuances,
    revocations: store.revocations,
    nodes: store.nodes,
    registrations: () => nobody,
    identity: () => store.identity(),
    clock,
    logger,
  });
  const issue = issueSvid({
    authenticators: [byName],
    authenticationRules: {},
    impersonation: impersonationRules({ trustDomain, clusterId: 'Kubernetes', trustedAccounts: [] }),
    registrations: () => nobody,
    authority,
    keyPolicy: defaultKeyPolicy,
    store,
    records,
    clock,
    clockGuard,
    metrics: {
      begin: () => (outcome) => void outcomes.push(outcome),
      limitHit: (limit) => void limitHits.push(limit),
    },
    logger,
    ...changes,
    settings: {
      strictCsr: false,
      perSource: { perSecond: 100, burst: 100 },
      perIdentity: { perSecond: 10, burst: 10 },
      maxInFlight: 10,
      idempotencyMs: 300_000,
      ...settings,
    },
  });
  let count = 0;
  const request = async (over: Partial<IssueSvidRequest> = {}): Promise<IssueSvidRequest> => ({
    csrPem: await csrPem(),
    validitySeconds: 0n,
    impersonatedIdentity: '',
    idempotencyKeys: [],
    evidence: evidence({ bearer: cart }),
    requestId: `request-${++count}`,
    signal: new AbortController().signal,
    ...over,
  });
  return { issue, request, authority, store, clock, clockGuard, logger, outcomes, limitHits };
}

describe('issuing', () => {
  it('records what it answers: the same bytes, the caller, and an audit entry', async () => {
    const t = await setUp();
    const { chainPem } = await t.issue(await t.request());
    const [leaf] = parseCertificatesPem(chainPem[0] ?? '');
    const [record] = t.store.issuances.records;
    expect(record).toMatchObject({
      serial: leaf?.serial,
      spiffeId: cart,
      callerSubject: cart,
      callerMethod: 'jwt',
      requestId: 'request-1',
      peerAddress: '192.0.2.1',
      shortened: false,
    });
    expect(record?.der).toEqual(leaf?.der);
    expect((await t.store.audit.list())[0]).toMatchObject({
      action: 'certificate.issue',
      object: cart,
      requestId: 'request-1',
      detail: { serial: leaf?.serial },
    });
    expect(t.outcomes).toEqual([{ result: 'success', reason: 'issued', attestor: 'oidc' }]);
  });

  it('answers nothing that is not on record: a store that is down is UNAVAILABLE (adv:S04)', async () => {
    const t = await setUp();
    t.store.goDown('disk-full');
    await expect(t.issue(await t.request())).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      kind: 'unavailable',
    });
    expect(t.outcomes).toMatchObject([{ result: 'error', reason: 'unavailable' }]);
    t.store.comeBack();
    expect((await t.issue(await t.request())).chainPem).toHaveLength(3);
  });

  it('draws another serial when one is taken, and does not try for ever', async () => {
    const t = await setUp();
    let serials: readonly string[] = [];
    const record = t.store.issuances.recordIssuance.bind(t.store.issuances);
    t.store.issuances.recordIssuance = async (row, audit, idempotency) => {
      serials = [...serials, row.serial];
      if (serials.length < 3) t.store.issuances.records.push(row);
      return record(row, audit, idempotency);
    };
    await t.issue(await t.request());
    expect(new Set(serials).size).toBe(3);
    serials = [];
    t.store.issuances.recordIssuance = async (row, audit, idempotency) => {
      t.store.issuances.records.push(row);
      serials = [...serials, row.serial];
      return record(row, audit, idempotency);
    };
    await expect(t.issue(await t.request())).rejects.toMatchObject({ code: 'SERIAL_TAKEN' });
    expect(serials).toHaveLength(3);
  });

  it('refuses while the clock cannot be trusted, and not after an operator has confirmed it (adv:S12 adv:S13)', async () => {
    const t = await setUp();
    t.clock.jumpWall(365 * 86_400_000);
    await expect(t.issue(await t.request())).rejects.toMatchObject({
      code: 'CLOCK_UNTRUSTED',
      kind: 'unavailable',
    });
    t.clock.jumpWall(-365 * 86_400_000);
    t.clockGuard.accept();
    expect((await t.issue(await t.request())).chainPem).toHaveLength(3);
    expect(t.store.issuances.records).toHaveLength(1);
  });
});

describe('a caller', () => {
  it('who is refused is told one sentence; the reason is on file under the request id', async () => {
    const t = await setUp();
    const request = await t.request({ evidence: evidence({ bearer: 'x' }) });
    await expect(t.issue(request)).rejects.toMatchObject({
      code: 'AUTHENTICATION_FAILED',
      kind: 'unauthenticated',
      message: 'request authenticate failure',
      details: {},
    });
    expect(await t.store.refusals.find(request.requestId)).toMatchObject({
      code: 'AUTHENTICATION_FAILED',
      detail: 'bad: secret detail',
    });
    expect(t.outcomes).toEqual([{ result: 'denied', reason: 'unauthenticated', attestor: 'none' }]);
  });

  it('whose credential cannot be judged is asked to come again', async () => {
    const t = await setUp();
    const request = await t.request({ evidence: evidence({ bearer: 'down' }) });
    await expect(t.issue(request)).rejects.toMatchObject({
      code: 'AUTHENTICATION_UNAVAILABLE',
      kind: 'unavailable',
      retryAfterSeconds: 1,
    });
  });

  it('cannot have a reserved identity by a token', async () => {
    const t = await setUp();
    const reserved = evidence({ bearer: 'spiffe://cluster.local/castellan/agent/x' });
    await expect(t.issue(await t.request({ evidence: reserved }))).rejects.toMatchObject({
      code: 'AUTHENTICATION_FAILED',
    });
  });

  it('never finds its credential in log or refusals (adv:O07)', async () => {
    const t = await setUp();
    const canary = 'canary-7f3a';
    const request = await t.request({ evidence: evidence({ bearer: canary }) });
    await expect(t.issue(request)).rejects.toThrow();
    const kept = JSON.stringify([t.logger.lines, await t.store.refusals.list()]);
    expect(kept).not.toContain(canary);
  });
});

describe('limits', () => {
  it('stop one address, say when to come back, and let it in again then', async () => {
    const t = await setUp(
      {},
      { perSource: { perSecond: 1, burst: 2 }, perIdentity: { perSecond: 100, burst: 100 } },
    );
    await t.issue(await t.request());
    await t.issue(await t.request());
    await expect(t.issue(await t.request())).rejects.toMatchObject({
      code: 'SOURCE_RATE_LIMITED',
      kind: 'exhausted',
      retryAfterSeconds: 1,
    });
    const elsewhere = evidence({ bearer: cart, transport: { peerAddress: '192.0.2.9' } });
    await t.issue(await t.request({ evidence: elsewhere }));
    await t.clock.advance(1000);
    await t.issue(await t.request());
    expect(t.limitHits).toEqual(['source_rate']);
  });

  it('stop one identity and no other from the same address', async () => {
    const t = await setUp({}, { perIdentity: { perSecond: 1, burst: 1 } });
    await t.issue(await t.request());
    await expect(t.issue(await t.request())).rejects.toMatchObject({ code: 'IDENTITY_RATE_LIMITED' });
    const other = evidence({ bearer: 'spiffe://cluster.local/ns/shop/sa/other' });
    await t.issue(await t.request({ evidence: other }));
    expect(t.limitHits).toEqual(['identity_rate']);
  });

  it('bound how many are issued at once', async () => {
    const gate = Promise.withResolvers<void>();
    const t = await setUp({}, { maxInFlight: 2 });
    const record = t.store.issuances.recordIssuance.bind(t.store.issuances);
    t.store.issuances.recordIssuance = async (...args) => {
      await gate.promise;
      return record(...args);
    };
    const held = [t.issue(await t.request()), t.issue(await t.request())];
    await expect(t.issue(await t.request())).rejects.toMatchObject({ code: 'ISSUANCE_OVERLOADED' });
    gate.resolve();
    await Promise.all(held);
    await t.issue(await t.request());
    expect(t.limitHits).toEqual(['sign_queue']);
  });
});

describe('a caller who does not wait', () => {
  it('until the record is made gets nothing, and what is recorded stays', async () => {
    const t = await setUp();
    const aborter = new AbortController();
    const record = t.store.issuances.recordIssuance.bind(t.store.issuances);
    t.store.issuances.recordIssuance = async (...args) => {
      const outcome = await record(...args);
      aborter.abort(baseErrors.DEADLINE_EXCEEDED());
      return outcome;
    };
    await expect(t.issue(await t.request({ signal: aborter.signal }))).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    expect(t.store.issuances.records).toHaveLength(1);
    expect(t.outcomes).toMatchObject([{ result: 'error', reason: 'deadline' }]);
  });

  it('until it is signed leaves nothing behind', async () => {
    const aborter = new AbortController();
    const { authority } = await newAuthority();
    const slow: Authority = Object.create(authority, {
      issue: {
        value: async (request: Parameters<Authority['issue']>[0]) => {
          const issuance = await authority.issue(request);
          aborter.abort(baseErrors.CANCELLED());
          return issuance;
        },
      },
    }) as Authority;
    const t = await setUp({ authority: slow });
    await expect(t.issue(await t.request({ signal: aborter.signal }))).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    expect(t.store.issuances.records).toHaveLength(0);
  });

  it('does not end the issuance of others who asked with the same idempotency key', async () => {
    const t = await setUp();
    const gate = Promise.withResolvers<void>();
    const record = t.store.issuances.recordIssuance.bind(t.store.issuances);
    t.store.issuances.recordIssuance = async (...args) => {
      await gate.promise;
      return record(...args);
    };
    const aborter = new AbortController();
    const shared = { csrPem: await csrPem(), idempotencyKeys: ['k'] };
    const impatient = t.issue(await t.request({ ...shared, signal: aborter.signal }));
    const patient = t.issue(await t.request(shared));
    aborter.abort(baseErrors.CANCELLED());
    await expect(impatient).rejects.toMatchObject({ code: 'CANCELLED' });
    gate.resolve();
    expect((await patient).chainPem).toHaveLength(3);
    expect(t.store.issuances.records).toHaveLength(1);
  });
});
