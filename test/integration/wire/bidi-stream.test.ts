import { connect } from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import { status as StatusCode } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { AgentService, SyncRequestSchema } from '../../../src/wire/gen/castellan/agent/v1/agent_pb.js';
import { type BidiCall, bidi } from '../../../src/wire/grpc/bidi.ts';
import { ConnectionTable } from '../../../src/wire/grpc/connections.ts';
import { grpcServer } from '../../../src/wire/grpc/server.ts';
import { bytesAsTheyAre, grpcService } from '../../../src/wire/grpc/service.ts';
import { listenPlaintext } from '../../../src/wire/tls/plaintext-listener.ts';
import { FakeLogger } from '../../fakes/logger.ts';
import { until } from '../../support/wire-server.ts';

type Handle = (call: BidiCall<typeof SyncRequestSchema>) => Promise<void>;

/** The agent service around one handler, and a client that speaks HTTP/2 by hand. */
async function serve(handle: Handle, limits: { callMs?: number; sendMs: number }) {
  const connections = new ConnectionTable();
  const logger = new FakeLogger();
  const server = grpcServer({
    logger,
    services: [
      {
        definition: bytesAsTheyAre(grpcService(AgentService), ['sync']),
        implementation: {
          sync: bidi({
            input: SyncRequestSchema,
            limits,
            drop: (id) => connections.close(id),
            handle,
          }),
        },
      },
    ],
  });
  const listener = await listenPlaintext({
    host: '127.0.0.1',
    port: 0,
    logger,
    onConnection: (socket, facts) => {
      connections.add(socket, facts);
      server.inject(socket);
    },
  });
  const session = connect(`http://127.0.0.1:${listener.port}`, { settings: { initialWindowSize: 65_535 } });
  session.on('error', () => undefined);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/castellan.agent.v1.AgentService/Sync',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => undefined);
  const status = new Promise<number | undefined>((resolve) => {
    const read = (headers: Readonly<Record<string, unknown>>) => {
      if (headers['grpc-status'] !== undefined) resolve(Number(headers['grpc-status']));
    };
    stream.on('response', read);
    stream.on('trailers', read);
    session.once('close', () => resolve(undefined));
  });
  return {
    stream,
    session,
    status,
    connections,
    say: (bytes: Uint8Array) => {
      const frame = Buffer.alloc(5 + bytes.length);
      frame.writeUInt32BE(bytes.length, 1);
      frame.set(bytes, 5);
      stream.write(frame);
    },
    async [Symbol.asyncDispose]() {
      session.destroy();
      listener.close();
      await server.drain(0);
    },
  };
}

const hello = toBinary(
  SyncRequestSchema,
  create(SyncRequestSchema, { message: { case: 'hello', value: { agentVersion: 'x' } } }),
);

describe('a stream both ways', () => {
  it('to a reader that never reads holds one message, and ends with its connection (adv:N09)', async () => {
    let sent = 0;
    const over = Promise.withResolvers<unknown>();
    await using wire = await serve(
      async (call) => {
        try {
          for (;;) {
            await call.send(new Uint8Array(256 * 1024));
            sent++;
          }
        } catch (error) {
          over.resolve(error);
          throw error;
        }
      },
      { sendMs: 300 },
    );
    wire.stream.pause();
    expect(await over.promise).toMatchObject({ code: 'READER_STALLED' });
    // The window takes a quarter of the first message; the rest of it is all that ever waited.
    expect(sent).toBe(0);
    await until(() => wire.connections.size === 0);
  });

  it('reads what comes, ends when the client has said all, and passes on what goes wrong', async () => {
    const seen: string[] = [];
    await using wire = await serve(
      async (call) => {
        for (let next = await call.receive(); next !== undefined; next = await call.receive())
          seen.push(next.message.case ?? '');
      },
      { sendMs: 1_000 },
    );
    wire.stream.resume();
    wire.say(hello);
    wire.say(hello);
    wire.stream.end();
    expect([await wire.status, seen]).toEqual([StatusCode.OK, ['hello', 'hello']]);
  });

  it('answers a message that is none with INVALID_ARGUMENT, and a fault of ours with INTERNAL', async () => {
    await using garbled = await serve(async (call) => void (await call.receive()), { sendMs: 1_000 });
    garbled.stream.resume();
    garbled.say(Uint8Array.of(0xff, 0xff));
    expect(await garbled.status).toBe(StatusCode.INVALID_ARGUMENT);
    await using faulty = await serve(() => Promise.reject(new TypeError('ours')), { sendMs: 1_000 });
    faulty.stream.resume();
    expect(await faulty.status).toBe(StatusCode.INTERNAL);
  });

  it('that is for one errand ends by its deadline, said or unsaid (adv:N10)', async () => {
    await using wire = await serve(async (call) => void (await call.receive()), {
      callMs: 100,
      sendMs: 1_000,
    });
    wire.stream.resume();
    expect(await wire.status).toBe(StatusCode.DEADLINE_EXCEEDED);
  });

  it('aborts its handler when the client goes away', async () => {
    const aborted = Promise.withResolvers<unknown>();
    const begun = Promise.withResolvers<void>();
    await using wire = await serve(
      async (call) => {
        await call.receive();
        begun.resolve();
        await call.receive().catch(aborted.resolve);
      },
      { sendMs: 1_000 },
    );
    wire.say(hello);
    await begun.promise;
    wire.session.destroy();
    expect(await aborted.promise).toMatchObject({ code: 'CANCELLED' });
  });
});
