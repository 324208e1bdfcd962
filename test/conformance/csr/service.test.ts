import { existsSync, mkdtempSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { systemRandom } from '../../../src/adapters/system/random.ts';
import { createJoinToken } from '../../../src/operations/create-join-token.ts';
import { parseTrustDomain } from '../../../src/spiffe/index.ts';
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as Serving,
} from '../../../src/wire/gen/grpc/health/v1/health_pb.js';
import { FakeClock } from '../../fakes/clock.ts';
import { AccountIssuer } from '../../support/callers.ts';
import { type Castellan, castellan } from '../../support/castellan.ts';
import { leafOf } from '../../support/certificates.ts';
import { makeCsr } from '../../support/foreign-pki.ts';
import { tlsCredentials } from '../../support/istio-client.ts';
import { rawCall } from '../../support/raw-call.ts';
import { until } from '../../support/wire-server.ts';

const accounts = new AccountIssuer();
let ca: Castellan;
beforeAll(async () => {
  ca = await castellan({ settings: accounts.settings });
});
afterAll(() => ca[Symbol.asyncDispose]());

const rawClient = (server: Castellan) =>
  new Client(server.address, tlsCredentials({ rootsPem: server.rootsPem() }), {
    'grpc.ssl_target_name_override': 'localhost',
  });

function checkHealth(server: Castellan, service: string): Promise<Serving | ServiceError> {
  const client = rawClient(server);
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      (message: Parameters<typeof toBinary<typeof HealthCheckRequestSchema>>[1]) =>
        Buffer.from(toBinary(HealthCheckRequestSchema, message)),
      (bytes) => fromBinary(HealthCheckResponseSchema, bytes),
      create(HealthCheckRequestSchema, { service }),
      (error, response) => {
        client.close();
        resolve(error ?? response?.status ?? Serving.UNKNOWN);
      },
    );
  });
}

describe('gRPC health', () => {
  it.each(['', 'castellan.ca', 'istio.v1.auth.IstioCertificateService'])(
    'of %j is SERVING',
    async (service) => {
      let last: unknown;
      await until(() => {
        void checkHealth(ca, service).then((answer) => (last = answer));
        return last === Serving.SERVING;
      });
      expect(last).toBe(Serving.SERVING);
    },
  );

  it('of a service that is not here is NOT_FOUND', async () => {
    expect(await checkHealth(ca, 'elsewhere')).toMatchObject({ code: status.NOT_FOUND });
  });

  it('is told to whoever watches when the server begins to drain', async () => {
    await using server = await castellan({ settings: `${accounts.settings}shutdownDelay: 1s\n` });
    const client = rawClient(server);
    const seen: Serving[] = [];
    const stream = client.makeServerStreamRequest(
      '/grpc.health.v1.Health/Watch',
      (message: Parameters<typeof toBinary<typeof HealthCheckRequestSchema>>[1]) =>
        Buffer.from(toBinary(HealthCheckRequestSchema, message)),
      (bytes) => fromBinary(HealthCheckResponseSchema, bytes),
      create(HealthCheckRequestSchema, { service: 'castellan.ca' }),
    );
    stream.on('error', () => undefined);
    stream.on('data', (message: { status: Serving }) => seen.push(message.status));
    await until(() => seen.at(-1) === Serving.SERVING);
    const closing = server.server.close();
    await until(() => seen.at(-1) === Serving.NOT_SERVING);
    client.close();
    await closing;
  });
});

describe('reflection', () => {
  const list = (server: Castellan): Promise<ServiceError | string> => {
    const client = rawClient(server);
    return new Promise((resolve) => {
      // ServerReflectionRequest { list_services = 7: "" }; the answer names the services in clear text.
      const stream = client.makeBidiStreamRequest(
        '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
        (bytes: Buffer) => bytes,
        (bytes) => bytes,
      );
      stream.on('error', (error) => resolve(error as ServiceError));
      stream.on('data', (bytes: Buffer) => {
        resolve(bytes.toString('latin1'));
        client.close();
      });
      stream.write(Buffer.from([0x3a, 0x00]));
    });
  };

  it('is off unless switched on', async () => {
    expect(await list(ca)).toMatchObject({ code: status.UNIMPLEMENTED });
    await using open = await castellan({ flags: { reflection: 'true' } });
    expect(await list(open)).toContain('istio.v1.auth.IstioCertificateService');
  });
});

describe('a join token', () => {
  const operator = { name: 'test', method: 'local', role: 'admin', requestId: 'test' } as const;
  const id = 'spiffe://cluster.local/ns/vm/sa/db';
  const newToken = async (ttlSeconds?: number) => {
    const { token } = await createJoinToken(
      {
        joinTokens: ca.server.state.store.joinTokens,
        trustDomain: parseTrustDomain('cluster.local'),
        clock: systemClock,
        random: systemRandom,
      },
      operator,
      { spiffeId: id, ttlSeconds },
    );
    return { authorization: `Bearer ${token.reveal()}` };
  };

  it('gets one certificate for its identity, once (adv:T20)', async () => {
    const headers = await newToken();
    using client = ca.client();
    const csr = (await makeCsr()).pem;
    expect(leafOf((await client.create({ csr }, headers)).chain).san?.uris).toEqual([id]);
    expect((await client.refused({ csr }, headers)).code).toBe(status.UNAUTHENTICATED);
  });

  it('used fifty times at once gets one certificate (adv:T21)', async () => {
    const headers = await newToken();
    const csr = (await makeCsr()).pem;
    const clients = Array.from({ length: 50 }, () => ca.client());
    const outcomes = await Promise.allSettled(clients.map((client) => client.create({ csr }, headers)));
    for (const client of clients) client[Symbol.dispose]();
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
  });

  it('is not used up by a CSR that cannot be signed', async () => {
    const headers = await newToken();
    using client = ca.client();
    expect((await client.refused({ csr: 'nonsense' }, headers)).code).toBe(status.INVALID_ARGUMENT);
    const csr = (await makeCsr()).pem;
    expect((await client.create({ csr }, headers)).chain.length).toBeGreaterThan(1);
  });

  it('past its end is refused, and may be guessed at only so often from one address (adv:T22)', async () => {
    const clock = new FakeClock(Date.now());
    await using server = await castellan({
      settings: 'limits: { perSourcePerSecond: 1, perSourceBurst: 5 }\n',
      environment: { clock },
    });
    const { token } = await createJoinToken(
      {
        joinTokens: server.server.state.store.joinTokens,
        trustDomain: parseTrustDomain('cluster.local'),
        clock,
        random: systemRandom,
      },
      operator,
      { spiffeId: id, ttlSeconds: 60 },
    );
    using client = server.client();
    const csr = (await makeCsr()).pem;
    await clock.advance(61_000);
    const late = await client.refused({ csr }, { authorization: `Bearer ${token.reveal()}` });
    expect(late).toMatchObject({ code: status.UNAUTHENTICATED, details: 'request authenticate failure' });
    const codes = new Set<status>();
    for (let guess = 0; guess < 10; guess++) {
      const authorization = `Bearer castellan_join_${String(guess).repeat(43)}`;
      codes.add((await client.refused({ csr }, { authorization })).code);
    }
    expect(codes).toEqual(new Set([status.UNAUTHENTICATED, status.RESOURCE_EXHAUSTED]));
  });

  it('of the right shape that nobody made is refused (adv:T22)', async () => {
    using client = ca.client();
    const authorization = `Bearer castellan_join_${'A'.repeat(43)}`;
    const error = await client.refused({ csr: (await makeCsr()).pem }, { authorization });
    expect(error.code).toBe(status.UNAUTHENTICATED);
  });
});

describe('a caller that asks too often', () => {
  it('is told RESOURCE_EXHAUSTED and when to come back, by identity', async () => {
    await using server = await castellan({
      settings: `${accounts.settings}limits: { perIdentityPerSecond: 1, perIdentityBurst: 3 }\n`,
    });
    using client = server.client();
    const csr = (await makeCsr()).pem;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 5 }, () => client.create({ csr }, accounts.bearer())),
    );
    const refused = outcomes.flatMap((outcome) =>
      outcome.status === 'rejected' ? [outcome.reason as ServiceError] : [],
    );
    expect(refused.map(({ code }) => code)).toEqual([status.RESOURCE_EXHAUSTED, status.RESOURCE_EXHAUSTED]);
    const details = refused[0]?.metadata.get('grpc-status-details-bin')[0] as Buffer;
    expect(details.toString('latin1')).toContain('google.rpc.RetryInfo');
    expect(
      (await client.create({ csr }, accounts.bearer({ account: 'other' }))).chain.length,
    ).toBeGreaterThan(1);
    const metrics = await (await fetch(`http://${server.server.endpoints.observability}/metrics`)).text();
    expect(metrics).toContain('castellan_limit_hits_total{limit="identity_rate"} 2');
  });
});

describe('a caller with a deadline', () => {
  it('that has passed gets DEADLINE_EXCEEDED and no certificate', async () => {
    using client = ca.client();
    const csr = (await makeCsr()).pem;
    const error = await client.refused({ csr }, accounts.bearer(), { deadline: Date.now() - 1 });
    expect(error.code).toBe(status.DEADLINE_EXCEEDED);
  });
});

/** Holds every record back until it is let go; says when one has come. */
function holdRecords(server: Castellan) {
  const { issuances } = server.server.state.store;
  const record = issuances.recordIssuance.bind(issuances);
  let held = 0;
  const gate = Promise.withResolvers<void>();
  issuances.recordIssuance = async (...order) => {
    held++;
    await gate.promise;
    return record(...order);
  };
  return { held: () => held, release: () => gate.resolve() };
}

describe('a caller whose deadline passes while the server works', () => {
  it('gets DEADLINE_EXCEEDED from the server then, and the certificate no more', async () => {
    await using server = await castellan({ settings: accounts.settings });
    const records = holdRecords(server);
    const authorization = `Bearer ${accounts.token()}`;
    const at = { address: server.address, rootsPem: server.rootsPem() };
    const answer = await rawCall(
      at,
      { csr: (await makeCsr()).pem },
      { authorization, 'grpc-timeout': '300m' },
    );
    expect([records.held(), answer.grpcStatus]).toEqual([1, String(status.DEADLINE_EXCEEDED)]);
    records.release();
  });
});

describe('what the server says of itself', () => {
  it('counts requests under our names and Istio’s', async () => {
    await using server = await castellan({ settings: accounts.settings });
    using client = server.client();
    await client.create({ csr: (await makeCsr()).pem }, accounts.bearer());
    await client.refused({ csr: (await makeCsr()).pem });
    await client.refused({ csr: 'x' }, accounts.bearer());
    const metrics = await (await fetch(`http://${server.server.endpoints.observability}/metrics`)).text();
    for (const line of [
      'citadel_server_csr_count 3',
      'citadel_server_success_cert_issuance_count 1',
      'citadel_server_authentication_failure_count 1',
      'citadel_server_csr_sign_err_count{error="CSR_ERROR"} 1',
      'castellan_ca_csr_requests_total{result="success",reason="issued",attestor="oidc"} 1',
    ])
      expect(metrics).toContain(line);
    expect(metrics).not.toContain('spiffe://');
  });

  it('never holds a token, in log, refusals or audit (adv:O07)', async () => {
    const token = accounts.token({ audience: ['canary-audience'] });
    using client = ca.client();
    await client.refused({ csr: (await makeCsr()).pem }, { authorization: `Bearer ${token}` });
    const { store } = ca.server.state;
    const kept = JSON.stringify([ca.logger.lines, await store.refusals.list(), await store.audit.list()]);
    expect(kept).not.toContain(token);
    expect(kept).not.toContain(token.split('.')[2]);
  });
});

/** Takes a connection and lets it go. */
function connecting(address: string): Promise<void> {
  const [host, port] = address.split(':');
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host, () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

describe('a server that shuts down', () => {
  it('answers the calls it has taken, takes no new ones, and removes its endpoints file', async () => {
    const server = await castellan({ settings: accounts.settings });
    const endpointsFile = join(server.stateDir, 'endpoints.json');
    expect(existsSync(endpointsFile)).toBe(true);
    using client = server.client();
    const csr = (await makeCsr()).pem;
    const records = holdRecords(server);
    const taken = Array.from({ length: 20 }, () => client.create({ csr }, accounts.bearer()));
    await until(() => records.held() === 20);
    const closing = server[Symbol.asyncDispose]();
    await vi.waitFor(() => expect(connecting(server.address)).rejects.toThrow('ECONNREFUSED'), 10_000);
    records.release();
    const answers = await Promise.all(taken);
    expect(new Set(answers.map(({ chain }) => leafOf(chain).serial)).size).toBe(20);
    await closing;
    expect(existsSync(endpointsFile)).toBe(false);
  });

  it('starts again on the same state directory with what it had', async () => {
    const stateDir = join(mkdtempSync(join(tmpdir(), 'castellan-test-')), 'state');
    const first = await castellan({ settings: accounts.settings, stateDir });
    using client = first.client();
    const { chain } = await client.create({ csr: (await makeCsr()).pem }, accounts.bearer());
    const roots = first.rootsPem();
    await first[Symbol.asyncDispose]();
    await using second = await castellan({ settings: accounts.settings, stateDir });
    expect(second.rootsPem()).toBe(roots);
    const record = await second.server.state.store.issuances.findBySerial(leafOf(chain).serial);
    expect(Buffer.from(record?.der ?? [])).toEqual(Buffer.from(leafOf(chain).der));
    expect((await second.server.state.verifyAudit()).ok).toBe(true);
  });
});
