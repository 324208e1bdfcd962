import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Admission } from './admission.ts';
import { isLoopback } from './loopback.ts';

class FakeSocket extends EventEmitter {
  readonly remoteAddress: string | undefined;
  destroyed = false;

  constructor(remoteAddress: string | undefined) {
    super();
    this.remoteAddress = remoteAddress;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

const socketFrom = (address: string | undefined) => new FakeSocket(address) as FakeSocket & Socket;

describe('admission', () => {
  it('refuses an address over its cap, lets others in, and gives slots back (adv:N02)', () => {
    const admission = new Admission({ maxConnections: 10, maxConnectionsPerAddress: 2 });
    const [a, b, c] = [socketFrom('10.0.0.1'), socketFrom('10.0.0.1'), socketFrom('10.0.0.1')];
    expect([a, b, c].map((socket) => admission.admit(socket))).toEqual([true, true, false]);
    expect(c.destroyed).toBe(true);
    expect(admission.admit(socketFrom('10.0.0.2'))).toBe(true);
    a.destroy();
    expect(admission.admit(socketFrom('10.0.0.1'))).toBe(true);
    expect([admission.open, admission.refused]).toEqual([3, 1]);
  });

  it('refuses everyone over the cap of the listener', () => {
    const admission = new Admission({ maxConnections: 2, maxConnectionsPerAddress: 2 });
    const sockets = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map(socketFrom);
    expect(sockets.map((socket) => admission.admit(socket))).toEqual([true, true, false]);
  });

  it('survives a socket that was reset before it was seen', () => {
    const admission = new Admission({ maxConnections: 2, maxConnectionsPerAddress: 2 });
    const socket = socketFrom(undefined);
    expect(admission.admit(socket)).toBe(false);
    expect(() => socket.emit('error', new Error('ECONNRESET'))).not.toThrow();
    expect(admission.open).toBe(0);
  });
});

describe('loopback', () => {
  it('is a numeric loopback address and nothing else', () => {
    expect(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'].map(isLoopback)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(['localhost', '10.0.0.1', '0.0.0.0', '::', '', '127.1'].map(isLoopback)).toEqual(
      Array.from({ length: 6 }, () => false),
    );
  });
});
