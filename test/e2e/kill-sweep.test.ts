import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openStore } from '../../src/adapters/store-sqlite/index.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { systemRandom } from '../../src/adapters/system/random.ts';
import { AccountIssuer, scratchDirectory } from '../support/callers.ts';
import { leafOf, parsePem } from '../support/certificates.ts';
import { makeCsr } from '../support/foreign-pki.ts';
import { IstioClient, tlsCredentials } from '../support/istio-client.ts';
import { rootsPemIn, startProcess } from '../support/process.ts';
import { sayIfStraceIsMissing, straceMissing } from '../support/strace.ts';

/** Ten in every run; the nightly script asks for a hundred. */
const rounds = Number(process.env.CASTELLAN_KILL_ROUNDS ?? 10);
const callersAtOnce = 16;

sayIfStraceIsMissing('killing the server at its syncs');

const accounts = new AccountIssuer();
const settings = `${accounts.settings}limits: { perIdentityPerSecond: 100000, perIdentityBurst: 100000, perSourcePerSecond: 100000, perSourceBurst: 100000 }\n`;

interface Held {
  readonly serial: string;
  readonly der: Uint8Array;
}

/** Asks for certificates until the server dies; `onAnswer` hears of each that a client really holds. */
async function ask(address: string, rootsPem: string, onAnswer: (held: Held) => void): Promise<void> {
  using client = new IstioClient(address, tlsCredentials({ rootsPem }));
  const csr = (await makeCsr()).pem;
  for (;;) {
    try {
      const { chain } = await client.create({ csr }, accounts.bearer(), { deadline: Date.now() + 20_000 });
      const leaf = leafOf(chain);
      onAnswer({ serial: leaf.serial, der: leaf.der });
    } catch {
      return;
    }
  }
}

/** The server starts again by itself, stops in peace, and its files hold all that any client holds. */
async function expectAllOnRecord(stateDir: string, held: ReadonlyMap<string, Held>): Promise<void> {
  const server = await startProcess({ stateDir, settings });
  expect(parsePem(rootsPemIn(stateDir))).toHaveLength(1);
  expect((await server.end('SIGTERM')).code).toBe(0);

  await using store = await openStore({
    stateDirectory: stateDir,
    clock: systemClock,
    random: systemRandom,
  });
  for (const { serial, der } of held.values()) {
    const record = await store.issuances.findBySerial(serial);
    expect(Buffer.from(record?.der ?? []), `record of ${serial}`).toEqual(Buffer.from(der));
  }
  expect(await store.issuances.count()).toBeGreaterThanOrEqual(held.size);
  expect(await store.maintenance.check()).toEqual([]);
  expect((await store.audit.verify()).ok).toBe(true);
}

describe('a server that is killed while it issues', () => {
  it(
    `has every certificate that a client holds on record, no serial twice, and starts again, ${rounds} times (adv:S01)`,
    async () => {
      const stateDir = join(scratchDirectory(), 'state');
      const held = new Map<string, Held>();
      for (let round = 0; round < rounds; round++) {
        const server = await startProcess({ stateDir, settings });
        const rootsPem = rootsPemIn(stateDir);
        let answers = 0;
        const killAfter = 1 + Math.floor(Math.random() * 150);
        let killed: Promise<unknown> | undefined;
        const onAnswer = (certificate: Held) => {
          expect(held.has(certificate.serial), `serial ${certificate.serial} was given twice`).toBe(false);
          held.set(certificate.serial, certificate);
          // A moment later, so that the kill falls anywhere in the work of the others.
          if (++answers === killAfter) setTimeout(() => (killed = server.end('SIGKILL')), Math.random() * 5);
        };
        await Promise.all(
          Array.from({ length: callersAtOnce }, () => ask(server.endpoints.csr, rootsPem, onAnswer)),
        );
        expect(killed, server.stderr()).toBeDefined();
        await killed;
      }
      expect(held.size).toBeGreaterThanOrEqual(rounds);

      await expectAllOnRecord(stateDir, held);
    },
    60_000 + rounds * 60_000,
  );
});

describe('a server that is killed exactly at a sync of its database', () => {
  it.skipIf(straceMissing !== undefined).each([12, 25, 60])(
    'has every certificate that a client holds on record: the %ith (adv:S01)',
    async (n) => {
      const stateDir = join(scratchDirectory(), 'state');
      const quiet = `${settings}agent: { withUp: false }\n`;
      // Made whole beforehand: the kill is to hit it at work.
      await (await startProcess({ stateDir, settings: quiet })).end('SIGTERM');
      const calls = 'fsync,fdatasync';
      const inject = `inject=${calls}:signal=SIGKILL:when=${n}`;
      const wrapper = ['strace', '-D', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${calls}`, '-e', inject];
      const server = await startProcess({ stateDir, settings: quiet, wrapper });
      const held = new Map<string, Held>();
      const rootsPem = rootsPemIn(stateDir);
      await Promise.all(
        Array.from({ length: 4 }, () =>
          ask(server.endpoints.csr, rootsPem, (certificate) => held.set(certificate.serial, certificate)),
        ),
      );
      expect((await server.end('SIGTERM')).signal).toBe('SIGKILL');
      expect(held.size).toBeGreaterThan(0);
      await expectAllOnRecord(stateDir, held);
    },
    120_000,
  );
});
