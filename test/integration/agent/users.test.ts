import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterAll, describe, expect, it } from 'vitest';
import {
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '../../../src/wire/gen/envoy/service/discovery/v3/discovery_pb.js';
import { registration } from '../../fakes/agent-server.ts';
import { errorOf, SocketClient, selfSelectors, startTestAgent } from '../../support/agent.ts';
import { until } from '../../support/wire-server.ts';
import { workloadApi } from '../../support/workload-client.ts';

const isRoot = process.getuid?.() === 0;
const own = registration('a/own', 'spiffe://cluster.local/own', selfSelectors);
const others = registration('b/other', 'spiffe://cluster.local/other', ['unix:uid:1']);
const open = mkdtempSync(join(tmpdir(), 'cst-users-'));
chmodSync(open, 0o755);
afterAll(() => rmSync(open, { recursive: true, force: true }));

const secrets = '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets';
const schemas = [DiscoveryRequestSchema, DiscoveryResponseSchema] as const;

/** A program that opens connections with streams on them and says what became of each: a message, or its gRPC status. */
const greedy = (socket: string, connections: number, streams: number) => `
  const http2 = require('node:http2'), net = require('node:net');
  const tell = (word) => process.stdout.write(word + '\\n');
  for (let c = 0; c < ${connections}; c++) {
    const session = http2.connect('http://x', { createConnection: () => net.connect(${JSON.stringify(socket)}) });
    session.on('error', () => 0);
    if (${streams} === 0) { session.on('connect', () => 0); session.on('remoteSettings', () => tell('open')); session.on('close', () => tell('closed')); }
    for (let s = 0; s < ${streams}; s++) {
      const stream = session.request({ ':method': 'POST', ':path': '/SpiffeWorkloadAPI/FetchX509SVID',
        'content-type': 'application/grpc', te: 'trailers', 'workload.spiffe.io': 'true' });
      stream.on('error', () => 0);
      const status = (headers) => headers['grpc-status'] === undefined || tell('status ' + headers['grpc-status']);
      stream.on('response', status); stream.on('trailers', status);
      stream.once('data', () => tell('answer'));
      stream.end(Buffer.alloc(5));
    }
  }`;

function runAsOther(code: string) {
  const program = [process.execPath, '-e', code];
  const child = spawn('setpriv', ['--reuid=1', '--regid=1', '--clear-groups', ...program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const words: string[] = [];
  child.stdout.on('data', (text: Buffer) => words.push(...text.toString().trim().split('\n')));
  const count = (word: string) => words.filter((one) => one === word).length;
  return { count, words, [Symbol.dispose]: () => void child.kill('SIGKILL') };
}

describe('the users of a node', () => {
  it.skipIf(!isRoot)(
    'cannot take each other’s streams: who holds his share is refused more, others are served',
    async () => {
      await using node = await startTestAgent({
        registrations: [own, others],
        flags: {
          'agent.maxStreams': '20',
          'agent.maxStreamsPerUser': '10',
          'agent.socket': join(open, 'streams', 'api.sock'),
        },
      });
      {
        using other = runAsOther(greedy(node.socket, 2, 15));
        await until(() => other.words.length === 30);
        expect([other.count('answer'), other.count(`status ${status.RESOURCE_EXHAUSTED}`)]).toEqual([10, 20]);
        using client = new SocketClient(node.socket);
        const streams = Array.from({ length: 10 }, () => workloadApi.x509(client));
        await Promise.all(streams.map((stream) => stream.next()));
        for (const stream of streams) stream[Symbol.dispose]();
        // Callers that are still found out about hold a place too.
        const hits = (await node.metrics.scrape()).matchAll(
          /castellan_limit_hits_total\{limit="workload_(?:streams|attestations)_of_user"\} (\d+)/g,
        );
        expect([...hits].reduce((sum, [, hit]) => sum + Number(hit), 0)).toBe(20);
      }
      await until(() => node.agent.node.workloads.subscriptions === 0);
      using again = runAsOther(greedy(node.socket, 1, 10));
      await until(() => again.count('answer') === 10);
    },
  );

  it.skipIf(!isRoot)('cannot take each other’s connections', async () => {
    await using node = await startTestAgent({
      registrations: [own],
      flags: { 'agent.maxStreamsPerUser': '5', 'agent.socket': join(open, 'connections', 'api.sock') },
    });
    using other = runAsOther(greedy(node.socket, 12, 0));
    await until(() => other.words.length === 12);
    expect([other.count('open'), other.count('closed')]).toEqual([5, 7]);
    using client = new SocketClient(node.socket);
    expect((await workloadApi.x509(client).next()).svids).toHaveLength(1);
    expect(await node.metrics.scrape()).toContain(
      'castellan_limit_hits_total{limit="workload_connections_of_user"} 7',
    );
  });

  it('hold one place with a stream of secrets, though it follows certificates and bundles', async () => {
    await using node = await startTestAgent({
      registrations: [own],
      flags: { 'agent.maxStreams': '20', 'agent.maxStreamsPerUser': '20' },
    });
    using client = new SocketClient(node.socket);
    const streams = Array.from({ length: 20 }, () => client.duplex(secrets, schemas));
    for (const stream of streams) stream.send({ resourceNames: ['default', 'ROOTCA'] });
    await Promise.all(streams.map((stream) => stream.next()));
    expect(node.agent.node.workloads.subscriptions).toBe(20);
    const more = client.duplex(secrets, schemas);
    more.send({ resourceNames: ['default'] });
    expect((await errorOf(more.next())).code).toBe(status.RESOURCE_EXHAUSTED);
    for (const stream of streams) stream[Symbol.dispose]();
    await until(() => node.agent.node.workloads.subscriptions === 0);
  });
});
