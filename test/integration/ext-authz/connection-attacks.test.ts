import http2 from 'node:http2';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, CheckClient } from '../../support/check-harness.ts';
import { scratchDirectory, startServer } from '../../support/cli-process.ts';
import {
  brokenHeaders,
  endlessHeaders,
  floods,
  frame,
  openCall,
  preface,
  settings,
} from '../../support/http2-frames.ts';
import { until } from '../../support/wire-server.ts';

const checkPath = '/envoy.service.auth.v3.Authorization/Check';
const maxStreams = 1_000;

const scratch = scratchDirectory();
/** TCP where proxies of this host ask, and a Unix socket as a sidecar has it: two processes of the real program. */
const places = {
  tcp: { env: {}, reach: (address: string) => portOf(address) },
  unix: {
    env: { CASTELLAN_EXT_AUTHZ_SOCKET: join(scratch.path, 'checks.sock') },
    reach: (address: string) => address.slice('unix:'.length),
  },
} as const;
const portOf = (address: string) => Number(address.slice(address.lastIndexOf(':') + 1));

describe.each(Object.keys(places) as (keyof typeof places)[])(
  'the gRPC door for proxies over %s',
  (place) => {
    let server: Awaited<ReturnType<typeof startServer>>;
    let target: number | string;
    let client: CheckClient;
    beforeAll(async () => {
      const { env, reach } = places[place];
      server = await startServer({ cwd: scratch.path, stateDir: join(scratch.path, place), env });
      const address = server.endpoints.extAuthz as string;
      target = reach(address);
      client = new CheckClient(address);
    });
    afterAll(async () => {
      client[Symbol.dispose]();
      expect((await server.stop()).code).toBe(0);
    });

    /** No policy names the workload: a denial, but a decision. */
    const stillDecides = async () => expect((await client.check(ask())).response.status?.code).toBe(7);
    const open = (): Socket =>
      typeof target === 'string' ? connect(target) : connect({ port: target, host: '127.0.0.1' });

    function rawConnection() {
      const socket = open();
      let isClosed = false;
      socket.on('error', () => undefined);
      socket.resume();
      socket.once('close', () => {
        isClosed = true;
      });
      socket.write(Buffer.concat([preface, settings]));
      return { socket, isClosed: () => isClosed };
    }

    async function floodUntilClosed(chunk: Buffer, first: Buffer = Buffer.alloc(0)): Promise<void> {
      const { socket, isClosed } = rawConnection();
      socket.write(first);
      while (!isClosed() && !socket.destroyed) {
        if (!socket.write(chunk)) await new Promise((resolve) => setTimeout(resolve, 1));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await until(isClosed);
    }

    const many = (one: Buffer) => Buffer.concat(Array.from({ length: 64 }, () => one));

    it('decides for who is connected while a thousand connections say nothing (adv:N02)', async () => {
      await stillDecides();
      const idle = Array.from({ length: 1_000 }, open);
      const closed = Promise.all(
        idle.map((socket) => new Promise((resolve) => socket.once('close', resolve))),
      );
      for (const socket of idle) socket.on('error', () => undefined);
      await stillDecides();
      for (const socket of idle) socket.destroy();
      await closed;
      await stillDecides();
    });

    it('cuts off CONTINUATION frames that never end (adv:N04)', async () => {
      await floodUntilClosed(many(endlessHeaders.next), endlessHeaders.first);
      await stillDecides();
    });

    it.each(floods)('cuts off a flood of %s (adv:N05)', async (_name, one) => {
      await floodUntilClosed(many(one));
      await stillDecides();
    });

    it('cuts off a flood of empty DATA frames on an open stream (adv:N05)', async () => {
      await floodUntilClosed(many(frame(0, 0, 1)), openCall(checkPath));
      await stillDecides();
    });

    it.each(brokenHeaders)('cuts off HPACK that is broken by %s (adv:N06)', async (_name, block) => {
      const { socket, isClosed } = rawConnection();
      socket.write(frame(1, 0x4, 1, block));
      await until(isClosed);
      await stillDecides();
    });

    it('takes the streams that it told of, and not one more (adv:N07)', async () => {
      const { socket } = rawConnection();
      const resets = new Set<number>();
      socket.on('data', (bytes: Buffer) => {
        for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
          if (bytes[at + 3] === 3) resets.add(bytes.readUInt32BE(at + 5));
      });
      const last = 1 + 2 * maxStreams;
      for (let i = 0; i <= maxStreams; i++) socket.write(openCall(checkPath, 1 + 2 * i));
      await until(() => resets.has(last));
      socket.destroy();
      await stillDecides();
    });

    it.each([
      ['a mebibyte of metadata', 64, 'v'.repeat(16 * 1024)],
      ['more than 128 headers', 200, 'v'],
    ])('never decides on %s (adv:N07)', async (_name, count, value) => {
      const extra = Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, value]));
      expect(['undefined', '0']).not.toContain(await call(extra));
      await stillDecides();
    });

    it('ends a question that never comes, though the proxy set no deadline (adv:N10)', async () => {
      expect(await call({})).toBe(String(status.DEADLINE_EXCEEDED));
      await stillDecides();
    });

    /** What became of a call whose message is never sent. */
    async function call(extra: Readonly<Record<string, string>>): Promise<string> {
      const session = http2.connect('http://localhost', { createConnection: open });
      session.on('error', () => undefined);
      try {
        return await new Promise<string>((resolve) => {
          session.once('close', () => resolve('the connection was closed'));
          const stream = session.request({
            ':method': 'POST',
            ':path': checkPath,
            'content-type': 'application/grpc',
            te: 'trailers',
            ...extra,
          });
          stream.on('error', (error) => resolve(String(error)));
          stream.once('response', (headers) => resolve(String(headers['grpc-status'])));
          stream.once('close', () => resolve(`the stream was closed: ${stream.rstCode}`));
        });
      } finally {
        session.destroy();
      }
    }
  },
);
