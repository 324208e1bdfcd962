import http2 from 'node:http2';
import tls, { type TLSSocket } from 'node:tls';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  brokenHeaders,
  endlessHeaders,
  floods,
  frame,
  openCall,
  preface,
  settings,
} from '../../support/http2-frames.ts';
import { createCertificatePath, IstioClient, tlsCredentials } from '../../support/istio-client.ts';
import { until, wireServer } from '../../support/wire-server.ts';

type Server = Awaited<ReturnType<typeof wireServer>>;

const limits = { maxConcurrentStreams: 100, maxIdleBytesPerSecond: 16 * 1024, unaryDeadlineMs: 150 };
const callHeaders = {
  ':method': 'POST',
  ':path': createCertificatePath,
  'content-type': 'application/grpc',
  te: 'trailers',
} as const;

let server: Server;
beforeEach(async () => {
  server = await wireServer({ limits });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const connectTls = (): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = tls.connect(
      {
        port: server.listener.port,
        host: '127.0.0.1',
        ca: server.root.pem,
        servername: 'localhost',
        ALPNProtocols: ['h2'],
      },
      () => resolve(socket),
    );
    socket.once('error', reject);
  });

const connectH2 = (): http2.ClientHttp2Session => {
  const session = http2.connect(`https://${server.address}`, {
    ca: server.root.pem,
    servername: 'localhost',
  });
  session.on('error', () => undefined);
  return session;
};

/** A connection that speaks raw frames; `closed` says when the server has had enough. */
async function rawConnection() {
  const socket = await connectTls();
  socket.on('error', () => undefined);
  socket.resume();
  let isClosed = false;
  socket.once('close', () => {
    isClosed = true;
  });
  socket.write(Buffer.concat([preface, settings]));
  return { socket, isClosed: () => isClosed };
}

/** Writes `chunk` again and again until the server closes; how often says how bounded it was. */
async function floodUntilClosed(chunk: Buffer): Promise<number> {
  const { socket, isClosed } = await rawConnection();
  let sent = 0;
  while (!isClosed() && !socket.destroyed) {
    if (!socket.write(chunk)) await new Promise((resolve) => setTimeout(resolve, 1));
    if (++sent % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return sent;
}

async function stillServes(): Promise<void> {
  using client = new IstioClient(server.address, tlsCredentials({ rootsPem: server.root.pem }));
  expect((await client.create({ csr: 'x' })).chain).toEqual(['answer']);
}

const sessionsAreGone = () => until(() => server.server.sessions() === 0 && server.connections.size === 0);

describe('a peer that attacks HTTP/2', () => {
  it('by opening and resetting streams is cut off long before ten thousand (adv:N03)', async () => {
    const session = connectH2();
    let isClosed = false;
    session.once('close', () => {
      isClosed = true;
    });
    const cutOff = () => isClosed;
    for (let i = 0; i < 10_000 && !cutOff(); i++) {
      try {
        const stream = session.request(callHeaders);
        stream.on('error', () => undefined);
        stream.close(http2.constants.NGHTTP2_CANCEL);
      } catch {
        break;
      }
      if (i % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => isClosed);
    await sessionsAreGone();
    expect(server.calls()).toBeLessThan(1_000);
    await stillServes();
  });

  it('with CONTINUATION frames that never end is cut off (adv:N04)', async () => {
    const { socket, isClosed } = await rawConnection();
    socket.write(endlessHeaders.first);
    for (let i = 0; i < 5_000 && !isClosed(); i++) {
      socket.write(endlessHeaders.next);
      if (i % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(isClosed);
    await sessionsAreGone();
    expect(server.calls()).toBe(0);
    await stillServes();
  });

  it.each(floods)(
    'with a flood of %s is cut off and leaves no session behind (adv:N05)',
    async (_name, one) => {
      await floodUntilClosed(Buffer.concat(Array.from({ length: 64 }, () => one)));
      await sessionsAreGone();
      await stillServes();
    },
  );

  it('with a flood of empty DATA frames on an open stream is cut off (adv:N05)', async () => {
    const { socket, isClosed } = await rawConnection();
    const stream = openCall(createCertificatePath);
    socket.write(stream);
    const empty = Buffer.concat(Array.from({ length: 64 }, () => frame(0, 0, 1)));
    while (!isClosed()) {
      if (!socket.write(empty)) await new Promise((resolve) => setTimeout(resolve, 1));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await sessionsAreGone();
    await stillServes();
  });

  it.each(brokenHeaders)('with HPACK that is broken by %s is cut off (adv:N06)', async (_name, block) => {
    const { socket, isClosed } = await rawConnection();
    socket.write(frame(1, 0x4, 1, block));
    await until(isClosed);
    await sessionsAreGone();
    await stillServes();
  });

  it('may open the streams it was told of and not one more (adv:N07)', async () => {
    const session = connectH2();
    await new Promise<void>((resolve) => session.once('remoteSettings', () => resolve()));
    expect(session.remoteSettings.maxConcurrentStreams).toBe(limits.maxConcurrentStreams);
    expect(session.remoteSettings.maxHeaderListSize).toBe(16 * 1024);
    session.destroy();

    const { socket } = await rawConnection();
    const resets = new Set<number>();
    socket.on('data', (bytes: Buffer) => {
      for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
        if (bytes[at + 3] === 3) resets.add(bytes.readUInt32BE(at + 5));
    });
    for (let i = 0; i <= limits.maxConcurrentStreams; i++)
      socket.write(openCall(createCertificatePath, 1 + 2 * i));
    await until(() => resets.has(1 + 2 * limits.maxConcurrentStreams));
    socket.destroy();
    await sessionsAreGone();
    await stillServes();
  });

  it.each([
    [
      '1 MiB of metadata',
      Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`x-${i}`, 'v'.repeat(16 * 1024)])),
    ],
    ['more than 128 headers', Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`x-${i}`, 'v']))],
    ['one header of 17 KiB', { authorization: 'x'.repeat(17 * 1024) }],
  ])('with %s never reaches the method (adv:N07)', async (_name, extra) => {
    const session = connectH2();
    const ended = await new Promise<string>((resolve) => {
      session.once('close', () => resolve('connection closed'));
      try {
        const stream = session.request({ ...callHeaders, ...extra });
        stream.on('error', () => undefined);
        stream.once('response', (headers) => resolve(`answered ${String(headers['grpc-status'])}`));
        stream.once('close', () => resolve(`stream closed ${stream.rstCode}`));
      } catch (error) {
        resolve(String(error));
      }
    });
    expect(ended).not.toBe('answered undefined');
    expect(ended).not.toBe('answered 0');
    session.destroy();
    expect(server.calls()).toBe(0);
    await stillServes();
  });
});

describe('a client that behaves', () => {
  it('may ping its server now and then', async () => {
    const session = connectH2();
    for (let i = 0; i < 50; i++) await new Promise<void>((resolve) => session.ping(() => resolve()));
    expect(session.destroyed).toBe(false);
    session.destroy();
    await sessionsAreGone();
  });
});

describe('a gRPC message', () => {
  async function send(
    body: Buffer,
    extra: Readonly<Record<string, string>> = {},
  ): Promise<string | undefined> {
    const session = connectH2();
    try {
      return await new Promise((resolve) => {
        const stream = session.request({ ...callHeaders, ...extra });
        let code: string | undefined;
        stream.on('error', () => undefined);
        stream.on('response', (headers) => (code = headers['grpc-status'] as string | undefined));
        stream.on('trailers', (headers) => (code = headers['grpc-status'] as string | undefined));
        stream.once('close', () => resolve(code));
        stream.resume();
        stream.write(body);
        stream.end();
      });
    } finally {
      session.destroy();
    }
  }

  it('that declares 4 GiB is RESOURCE_EXHAUSTED before its bytes are there (adv:N08)', async () => {
    expect(await send(Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]))).toBe(
      String(status.RESOURCE_EXHAUSTED),
    );
    expect(server.calls()).toBe(0);
  });

  it('over 64 KiB is RESOURCE_EXHAUSTED (adv:N08 adv:C10)', async () => {
    const length = 64 * 1024 + 1;
    const body = Buffer.alloc(5 + length);
    body.writeUInt32BE(length, 1);
    expect(await send(body)).toBe(String(status.RESOURCE_EXHAUSTED));
    expect(server.calls()).toBe(0);
  });

  it.each(['gzip', 'deflate', 'br', 'x'])(
    'compressed with %s is refused unread: compression is off here (adv:N08)',
    async (encoding) => {
      expect(await send(Buffer.from([1, 0, 0, 0, 1, 0]), { 'grpc-encoding': encoding })).toBe(
        String(status.UNIMPLEMENTED),
      );
      expect(server.calls()).toBe(0);
    },
  );

  it('that is no protobuf is INVALID_ARGUMENT', async () => {
    expect(await send(Buffer.from([0, 0, 0, 0, 2, 0xff, 0xff]))).toBe(String(status.INVALID_ARGUMENT));
  });

  it('that is never sent is DEADLINE_EXCEEDED, though the client set no deadline (adv:N10)', async () => {
    const session = connectH2();
    const code = await new Promise((resolve) => {
      const stream = session.request(callHeaders);
      stream.on('error', () => undefined);
      stream.on('response', (headers) => resolve(headers['grpc-status']));
    });
    session.destroy();
    expect(code).toBe(String(status.DEADLINE_EXCEEDED));
    expect(server.calls()).toBe(0);
  });

  it.each(['/nowhere', '/istio.v1.auth.IstioCertificateService/Other', '/%ff\u0080'])(
    'to the path %j is UNIMPLEMENTED',
    async (path) => {
      expect(await send(Buffer.alloc(5), { ':path': path })).toBe(String(status.UNIMPLEMENTED));
      await stillServes();
    },
  );
});
