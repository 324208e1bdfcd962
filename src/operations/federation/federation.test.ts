import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/fakes/clock.ts';
import { FakeLogger } from '../../../test/fakes/logger.ts';
import { days } from '../../base/duration.ts';
import { parseTrustDomain } from '../../spiffe/index.ts';
import { BundleReaders, serveBundle } from './index.ts';

const reader = { name: 'partner.example', tokenHash: hash('sha256', 'secret', 'buffer') };

function world() {
  const clock = new FakeClock();
  const logger = new FakeLogger();
  const file = { text: undefined as string | undefined, isFull: false };
  const notes = {
    read: async () => file.text,
    async write(text: string) {
      if (file.isFull) throw new Error('no space left');
      file.text = text;
    },
  };
  const open = () => BundleReaders.open({ readers: [reader], notes, silentAfter: days(90), clock, logger });
  return { clock, logger, file, open };
}

describe('named readers of the bundle', () => {
  it('hold nothing until they fetch, and what they fetched is known after a restart', async () => {
    const { clock, open } = world();
    const first = await open();
    const start = clock.now();
    expect(first.list()).toEqual([
      {
        kind: 'federation',
        name: 'partner.example',
        sequence: 0n,
        since: start,
        reportedAt: start,
        silentAfter: days(90),
      },
    ]);
    await clock.advance(60_000);
    // One that never came is not younger for a restart.
    expect((await open()).list()[0]?.reportedAt).toBe(start);
    first.fetched('partner.example', 7n);
    await first.flush();
    expect((await open()).list()[0]).toMatchObject({
      sequence: 7n,
      since: start + 60_000,
      reportedAt: start + 60_000,
    });
  });

  it('whose notes are damaged hold nothing: a rotation waits rather than passes over them', async () => {
    const { file, logger, open } = world();
    file.text = '[{"name":';
    expect((await open()).list()[0]?.sequence).toBe(0n);
    expect(logger.lines.map(({ level }) => level)).toEqual(['warn']);
  });

  it('are served on when their notes cannot be written', async () => {
    const { file, logger, open } = world();
    const readers = await open();
    file.isFull = true;
    readers.fetched('partner.example', 7n);
    await readers.flush();
    expect(readers.list()[0]?.sequence).toBe(7n);
    expect(logger.lines.some(({ message }) => message.includes('could not be written'))).toBe(true);
  });

  it('are known by their secret only, and have a bundle when all of it was given to them', async () => {
    const { open } = world();
    const readers = await open();
    const bundle = {
      trustDomain: parseTrustDomain('cluster.local'),
      sequence: 9_007_199_254_740_993n,
      refreshHintSeconds: 300,
      x509Roots: [],
      jwtKeys: [],
    };
    const parts = { authority: { bundle: () => bundle }, readers };
    expect(serveBundle(parts, 'guess')).toBeUndefined();
    serveBundle(parts)?.given();
    const served = serveBundle(parts, 'secret');
    expect(served?.text).toBe('{"keys":[],"spiffe_sequence":9007199254740993,"spiffe_refresh_hint":300}\n');
    expect(readers.list()[0]?.sequence).toBe(0n);
    served?.given();
    expect(readers.list()[0]?.sequence).toBe(9_007_199_254_740_993n);
  });
});
