import { readdirSync } from 'node:fs';
import net from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import { credentials as grpcCredentials, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/base/logger.ts';
import { listenPlaintext } from '../../../src/wire/tls/plaintext-listener.ts';
import { makeCertificate, makeRoot } from '../../support/foreign-pki.ts';
import { IstioClient, tlsCredentials } from '../../support/istio-client.ts';
import { until, wireServer } from '../../support/wire-server.ts';

type Server = Awaited<ReturnType<typeof wireServer>>;

/** How the connection ended: the protocol it got, or what it failed with. */
function handshake(server: Server, options: tls.ConnectionOptions = {}): Promise<TLSSocket | Error> {
  return new Promise((resolve) => {
    const socket = tls.connect(
      {
        port: server.listener.port,
        host: '127.0.0.1',
        ca: server.root.pem,
        servername: 'localhost',
        ALPNProtocols: ['h2'],
        ...options,
      },
      () => resolve(socket),
    );
    socket.on('error', resolve);
  });
}

const closed = (socket: net.Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.on('error', () => undefined);
    socket.resume();
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });

const openFiles = () => readdirSync('/proc/self/fd').length;

describe('the TLS listener', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)('speaks %s with ALPN h2', async (version) => {
    await using server = await wireServer();
    const socket = await handshake(server, { minVersion: version, maxVersion: version });
    expect((socket as TLSSocket).getProtocol()).toBe(version);
    expect((socket as TLSSocket).alpnProtocol).toBe('h2');
    (socket as TLSSocket).destroy();
  });

  it.each([
    ['TLS 1.0', { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0' }],
    ['TLS 1.1', { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' }],
    ['CBC suites', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA' }],
    ['suites without forward secrecy', { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' }],
  ] as [string, tls.ConnectionOptions][])('refuses %s (adv:N12)', async (_name, options) => {
    await using server = await wireServer();
    expect(await handshake(server, options)).toBeInstanceOf(Error);
    expect(server.connections.size).toBe(0);
  });

  it('does not renegotiate (adv:N12)', async () => {
    await using server = await wireServer();
    const socket = (await handshake(server, { maxVersion: 'TLSv1.2' })) as TLSSocket;
    let isRenegotiated = false;
    socket.renegotiate({}, (error) => {
      isRenegotiated = error === null;
    });
    // Whatever the server made of it, it answers or closes after the next bytes: by then it has seen the wish.
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0');
    await new Promise<void>((resolve) => {
      socket.once('data', () => resolve());
      socket.once('close', () => resolve());
      socket.on('error', () => resolve());
    });
    expect(isRenegotiated).toBe(false);
    socket.destroy();
  });

  it.each(['a'.repeat(255), '..', 'x'.repeat(64), 'xn--', '127.0.0.1.evil'])(
    'serves whatever name the client asks for, junk included: %s (adv:N12)',
    async (servername) => {
      await using server = await wireServer();
      const socket = await handshake(server, { servername, checkServerIdentity: () => undefined });
      if (!(socket instanceof Error)) socket.destroy();
      using client = new IstioClient(server.address, tlsCredentials({ rootsPem: server.root.pem }));
      expect((await client.create({})).chain).toEqual(['answer']);
    },
  );

  it.each([
    ['none', { ALPNProtocols: [] }],
    ['only http/1.1', { ALPNProtocols: ['http/1.1'] }],
  ])('closes a connection that offers %s by ALPN (adv:N13)', async (_name, options) => {
    await using server = await wireServer();
    const socket = await handshake(server, options);
    if (!(socket instanceof Error)) await closed(socket);
    await until(() => server.listener.connections() === 0);
    expect(server.server.sessions()).toBe(0);
  });

  it.each([
    ['HTTP/1 inside TLS', 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'],
    ['garbage inside TLS', '\0\x01\x02'.repeat(100)],
  ])('closes a connection that speaks %s (adv:N13)', async (_name, text) => {
    await using server = await wireServer();
    const socket = (await handshake(server)) as TLSSocket;
    socket.write(text);
    await closed(socket);
    await until(() => server.server.sessions() === 0 && server.connections.size === 0);
  });

  it.each([
    ['plaintext HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['plaintext HTTP/1', 'GET / HTTP/1.1\r\n\r\n'],
    ['a port scan', '\x16\x03\x01\xff\xff\xff'],
  ])('closes a connection that speaks %s to the TLS port (adv:N13 adv:N14)', async (_name, text) => {
    await using server = await wireServer({ tls: { handshakeTimeoutMs: 100 } });
    const socket = net.connect(server.listener.port, '127.0.0.1');
    socket.write(text, 'latin1');
    await closed(socket);
    await until(() => server.listener.connections() === 0);
  });

  it('keeps no file descriptor of connections that come and go without a word (adv:N14)', async () => {
    await using server = await wireServer();
    const before = openFiles();
    for (let round = 0; round < 40; round++) {
      const sockets = Array.from({ length: 25 }, () => net.connect(server.listener.port, '127.0.0.1'));
      await Promise.all(
        sockets.map(
          (socket) =>
            new Promise<void>((resolve) => {
              socket.on('error', () => undefined);
              socket.once('close', () => resolve());
              socket.once('connect', () => (round % 2 === 0 ? socket.destroy() : socket.resetAndDestroy()));
            }),
        ),
      );
    }
    await until(() => server.listener.connections() === 0);
    expect(openFiles()).toBeLessThanOrEqual(before + 2);
  });

  it('gives up on a client that says nothing (adv:N02)', async () => {
    await using server = await wireServer({ tls: { handshakeTimeoutMs: 50 } });
    const socket = net.connect(server.listener.port, '127.0.0.1');
    await closed(socket);
    await until(() => server.listener.connections() === 0);
  });

  it('takes no more connections of one address than its cap, and takes them again when some end (adv:N02)', async () => {
    await using server = await wireServer({ tls: { admission: { maxConnectionsPerAddress: 2 } } });
    const first = (await handshake(server)) as TLSSocket;
    const second = (await handshake(server)) as TLSSocket;
    expect(await handshake(server)).toBeInstanceOf(Error);
    first.destroy();
    await until(() => server.listener.connections() === 1);
    const fourth = await handshake(server);
    expect(fourth).not.toBeInstanceOf(Error);
    (fourth as TLSSocket).destroy();
    second.destroy();
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'never resumes a session with %s (adv:M14 policy:7/CVE-2022-21654)',
    async (version) => {
      await using server = await wireServer();
      const only = { minVersion: version, maxVersion: version } as const;
      const first = (await handshake(server, only)) as TLSSocket;
      const tickets: Buffer[] = [];
      first.on('session', (ticket) => tickets.push(ticket));
      await new Promise((resolve) => setTimeout(resolve, 50));
      const session = tickets[0] ?? first.getSession();
      first.destroy();
      const second = (await handshake(server, { ...only, ...(session ? { session } : {}) })) as TLSSocket;
      expect(second.isSessionReused()).toBe(false);
      second.destroy();
    },
  );

  it('shows new credentials to new connections and leaves the old ones alone (adv:N15)', async () => {
    await using server = await wireServer();
    const before = (await handshake(server)) as TLSSocket;
    const renewed = await makeCertificate({ dnsNames: ['localhost'] }, server.root);
    server.listener.setCredentials({ chainPem: renewed.pem, privateKeyPem: renewed.privateKeyPem });
    const after = (await handshake(server)) as TLSSocket;
    expect(Buffer.from(after.getPeerCertificate().raw)).toEqual(Buffer.from(renewed.der));
    expect(before.destroyed).toBe(false);
    before.destroy();
    after.destroy();
  });

  it('keeps its credentials when the new ones do not fit together', async () => {
    await using server = await wireServer();
    const [a, b] = [await makeCertificate({}, server.root), await makeCertificate({}, server.root)];
    expect(() =>
      server.listener.setCredentials({ chainPem: a.pem, privateKeyPem: b.privateKeyPem }),
    ).toThrow();
    using client = new IstioClient(server.address, tlsCredentials({ rootsPem: server.root.pem }));
    expect((await client.create({})).chain).toEqual(['answer']);
  });

  it('says which port another process has', async () => {
    await using server = await wireServer();
    await expect(wireServer({ tls: { port: server.listener.port } })).rejects.toMatchObject({
      code: 'LISTENER_CANNOT_BIND',
      details: { reason: 'EADDRINUSE' },
    });
  });
});

describe('a client certificate', () => {
  it('that is refused ends the connection before any call; none at all is no fault', async () => {
    await using server = await wireServer();
    const stranger = await makeRoot('O=stranger');
    const leaf = await makeCertificate({ uris: ['spiffe://cluster.local/ns/a/sa/b'] }, stranger);
    using client = new IstioClient(
      server.address,
      tlsCredentials({ rootsPem: server.root.pem, chainPem: leaf.pem, privateKeyPem: leaf.privateKeyPem }),
    );
    expect((await client.refused({})).code).toBe(status.UNAVAILABLE);
    expect(server.calls()).toBe(0);
    using anonymous = new IstioClient(server.address, tlsCredentials({ rootsPem: server.root.pem }));
    expect((await anonymous.create({})).chain).toEqual(['answer']);
  });

  it('reaches the validator as the bytes of the TLS session, the leaf first (adv:M11 adv:C39)', async () => {
    const seen: (readonly Uint8Array[])[] = [];
    await using server = await wireServer({
      tls: {
        validatePeer: (chain) => {
          seen.push(chain);
          return { ok: false, reason: 'looked', detail: 'only looking' };
        },
      },
    });
    const root = await makeRoot();
    const middle = await makeCertificate({ subject: 'O=middle', isCa: true }, root);
    const leaf = await makeCertificate({ uris: ['spiffe://cluster.local/ns/a/sa/b'] }, middle);
    const other = await makeCertificate({ uris: ['spiffe://cluster.local/ns/victim/sa/admin'] }, middle);
    const socket = await handshake(server, {
      cert: leaf.pem + other.pem + middle.pem,
      key: leaf.privateKeyPem,
    });
    if (!(socket instanceof Error)) await closed(socket);
    expect(seen).toHaveLength(1);
    expect(Buffer.from(seen[0]?.[0] ?? [])).toEqual(Buffer.from(leaf.der));
    expect(seen[0]?.some((der) => Buffer.from(der).equals(Buffer.from(other.der)))).toBe(false);
  });

  it('with a validator that throws is refused, and the server goes on', async () => {
    await using server = await wireServer({
      tls: {
        validatePeer: () => {
          throw new Error('validator fault');
        },
      },
    });
    const root = await makeRoot();
    const leaf = await makeCertificate({ uris: ['spiffe://cluster.local/ns/a/sa/b'] }, root);
    const socket = await handshake(server, { cert: leaf.pem, key: leaf.privateKeyPem });
    if (!(socket instanceof Error)) await closed(socket);
    using client = new IstioClient(server.address, tlsCredentials({ rootsPem: server.root.pem }));
    expect((await client.create({})).chain).toEqual(['answer']);
  });

  it('that stops being acceptable ends its open connections', async () => {
    const root = await makeRoot();
    const leaf = await makeCertificate({ uris: ['spiffe://cluster.local/ns/a/sa/b'] }, root);
    const { SpiffeId } = await import('../../../src/spiffe/index.ts');
    const spiffeId = SpiffeId.parse('spiffe://cluster.local/ns/a/sa/b');
    await using server = await wireServer({
      tls: {
        validatePeer: (chain) => ({
          ok: true,
          peer: { spiffeId, chain, serial: '01', issuerSerials: [], notAfter: Date.now() + 1000 },
        }),
      },
    });
    const socket = (await handshake(server, { cert: leaf.pem, key: leaf.privateKeyPem })) as TLSSocket;
    await until(() => server.connections.size === 1);
    expect(server.connections.closeWhere(({ peer }) => peer?.serial === '02')).toBe(0);
    expect(server.connections.closeWhere(({ peer }) => peer?.serial === '01')).toBe(1);
    await closed(socket);
    await until(() => server.connections.size === 0 && server.server.sessions() === 0);
  });
});

describe('the plaintext listener', () => {
  it.each(['0.0.0.0', '::', '10.0.0.1', 'localhost'])('is not bound to %s', async (host) => {
    await expect(
      listenPlaintext({ host, port: 0, onConnection: () => undefined, logger: silentLogger }),
    ).rejects.toMatchObject({ code: 'LISTENER_NOT_LOOPBACK' });
  });

  it('hands on what it knows: plaintext, from loopback, nobody', async () => {
    await using server = await wireServer({ answer: (_request, call) => [call.connectionId] });
    const listener = await listenPlaintext({
      host: '127.0.0.1',
      port: 0,
      logger: silentLogger,
      onConnection: (socket, facts) => {
        server.connections.add(socket, facts);
        server.server.inject(socket);
      },
    });
    using client = new IstioClient(`127.0.0.1:${listener.port}`, grpcCredentials.createInsecure());
    const [id] = (await client.create({})).chain;
    expect(server.connections.find(id ?? '')).toMatchObject({
      kind: 'plaintext',
      peerAddress: '127.0.0.1',
      peerIsLoopback: true,
    });
    listener.close();
  });
});
