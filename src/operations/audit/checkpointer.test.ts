import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/fakes/clock.ts';
import { FakeLogger } from '../../../test/fakes/logger.ts';
import { FakeStore } from '../../../test/fakes/store.ts';
import type { AuditEvent } from '../ports/audit.ts';
import { Checkpointer, ed25519Signer, ed25519Verifier, parseCheckpoint } from './index.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const verifier = ed25519Verifier('audit', publicKey);
const event: AuditEvent = {
  actor: 'a',
  actorMethod: 'local',
  action: 'server.start',
  object: 'o',
  result: 'success',
  requestId: '',
  detail: {},
};

function setUp() {
  const clock = new FakeClock();
  const store = new FakeStore({ clock });
  const lines: string[] = [];
  const disk = { full: false };
  const checkpointer = new Checkpointer({
    clock,
    logger: new FakeLogger(),
    audit: store.audit,
    origin: store.identity(),
    signer: ed25519Signer('audit', privateKey),
    everyEntries: 10,
    log: {
      async append(line) {
        if (disk.full) throw new Error('ENOSPC');
        lines.push(line);
      },
      read: async () => lines,
    },
  });
  const append = async (n: number) => {
    for (let i = 0; i < n; i++) await store.audit.append(event);
  };
  const sequences = () => lines.map((line) => parseCheckpoint(line, verifier)?.sequence);
  return { clock, store, lines, disk, checkpointer, append, sequences };
}

describe('the checkpointer', () => {
  it('signs each thousand entries (ten here), each minute if the chain moved, and the end', async () => {
    const { clock, store, checkpointer, append, sequences, lines } = setUp();
    checkpointer.start();
    await append(25);
    await clock.advance(0);
    expect(sequences()).toEqual([10, 20]);
    await clock.advance(60_000);
    await clock.advance(60_000);
    expect(sequences()).toEqual([10, 20, 25]);
    await append(2);
    await checkpointer.stop();
    expect(sequences()).toEqual([10, 20, 25, 27]);
    expect(clock.pendingTimers).toBe(0);
    expect(await store.audit.verify({ lines, verifier })).toMatchObject({ ok: true, checkpointsHeld: 4 });
  });

  it('tries again each minute while the file cannot be written, and counts it', async () => {
    const { clock, checkpointer, append, sequences, disk } = setUp();
    disk.full = true;
    checkpointer.start();
    await append(10);
    await clock.advance(0);
    await clock.advance(60_000);
    expect(checkpointer.status).toEqual({ sequence: 0, failures: 2 });
    disk.full = false;
    await clock.advance(60_000);
    expect([sequences(), checkpointer.status]).toEqual([[10], { sequence: 10, failures: 0 }]);
    await checkpointer.stop();
  });
});
