import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AccountIssuer, scratchDirectory } from '../support/callers.ts';
import { makeCsr } from '../support/foreign-pki.ts';
import { IstioClient, tlsCredentials } from '../support/istio-client.ts';
import { rootsPemIn, startProcess } from '../support/process.ts';
import { sayIfStraceIsMissing, straceMissing } from '../support/strace.ts';

sayIfStraceIsMissing('the proof that the server syncs before it replies');

const accounts = new AccountIssuer();
/** A reply holds three certificates in PEM; acknowledgements, settings and trailers are far smaller. */
const smallestReply = 2_200;

interface Verdict {
  readonly replies: number;
  /** Replies that began while the log of the database had pages that no sync had covered, or without a sync at all. */
  readonly early: number;
}

/** Reads `strace -f -yy`: a sync counts when it has returned 0, a reply from where it begins. */
function judge(log: string, port: number): Verdict {
  let [unsynced, syncedSince, replies, early] = [0, false, 0, 0];
  const pending = new Map<string, string>();
  const greeted = new Set<string>();
  for (const line of log.split('\n')) {
    const [thread = '', rest = ''] = line.split(/ +(.*)/s);
    const resumed = /^<\.\.\. (\w+) resumed>/.exec(rest);
    const call = resumed ? (pending.get(thread) ?? '') + rest : rest;
    if (rest.endsWith('<unfinished ...>')) pending.set(thread, rest);
    const toLog = call.includes('castellan.db-wal');
    if (rest.startsWith('pwrite64(') && toLog) unsynced++;
    if (/^f(data)?sync\(/.test(call) && toLog && call.endsWith(' = 0')) [unsynced, syncedSince] = [0, true];
    const connection = /^(?:write|writev|sendmsg|sendto)\(\d+<TCP:\[[^\]]*:(\d+->[^\]]*)\]>/.exec(rest)?.[1];
    if (connection?.startsWith(`${port}->`) !== true) continue;
    // The first is the server's part of the handshake, with its own chain.
    const isHandshake = !greeted.has(connection);
    greeted.add(connection);
    if (isHandshake || sizeOf(rest) < smallestReply) continue;
    replies++;
    if (unsynced > 0 || !syncedSince) early++;
    syncedSince = false;
  }
  return { replies, early };
}

/** The bytes that were to be written: a number after the buffer, or the sum of the vector. */
function sizeOf(call: string): number {
  const lengths = [...call.matchAll(/iov_len=(\d+)/g)].map(([, length]) => Number(length));
  if (lengths.length > 0) return lengths.reduce((sum, length) => sum + length, 0);
  return Number(/, (\d+)(?:, \w+.*)?(?:\) += |\s*<unfinished)/.exec(call)?.[1] ?? 0);
}

describe('the server', () => {
  it.skipIf(straceMissing !== undefined)(
    'writes no certificate to a client before its record is synced, as the kernel saw it (D7)',
    async () => {
      const scratch = scratchDirectory();
      const [stateDir, log] = [join(scratch, 'state'), join(scratch, 'trace')];
      const trace = 'trace=pwrite64,fsync,fdatasync,write,writev,sendmsg,sendto';
      const wrapper = ['strace', '-D', '-f', '-yy', '-s', '0', '-o', log, '-e', trace];
      // Attestation answers with a certificate too, and would be counted.
      const settings = `${accounts.settings}agent: { withUp: false }\n`;
      const server = await startProcess({ stateDir, settings, wrapper });
      const calls = 20;
      {
        using client = new IstioClient(
          server.endpoints.csr,
          tlsCredentials({ rootsPem: rootsPemIn(stateDir) }),
        );
        for (let i = 0; i < calls; i++)
          await client.create({ csr: (await makeCsr()).pem }, accounts.bearer());
      }
      await server.end('SIGTERM');
      const port = Number(server.endpoints.csr.split(':')[1]);
      expect(judge(readFileSync(log, 'utf8'), port)).toEqual({ replies: calls, early: 0 });
    },
  );

  it('would be found out: a reply before the sync, or without one', () => {
    const write = '7 pwrite64(20</x/castellan.db-wal>, ""..., 4096, 56) = 4096';
    const sync = '7 fdatasync(20</x/castellan.db-wal>) = 0';
    const failed = '7 fdatasync(20</x/castellan.db-wal>) = -1 EIO (Input/output error)';
    const reply = '6 write(25<TCP:[127.0.0.1:99->127.0.0.1:5]>, ""..., 2900) = 2900';
    const vector =
      '6 writev(25<TCP:[127.0.0.1:99->127.0.0.1:5]>, [{iov_base=""..., iov_len=900}, {iov_base=""..., iov_len=2000}], 2) = 2900';
    const hello = '6 write(25<TCP:[127.0.0.1:99->127.0.0.1:5]>, ""..., 2700) = 2700';
    const early = (...lines: string[]) => judge([hello, ...lines].join('\n'), 99).early;
    expect([early(write, sync, reply), early(write, sync, vector)]).toEqual([0, 0]);
    expect([early(write, reply, sync), early(write, failed, reply), early(reply)]).toEqual([1, 1, 1]);
    const [begin, end] = [
      '7 fdatasync(20</x/castellan.db-wal> <unfinished ...>',
      '7 <... fdatasync resumed>) = 0',
    ];
    expect([early(write, begin, end, reply), early(write, begin, reply, end)]).toEqual([0, 1]);
    expect(judge([hello, write, sync, reply].join('\n'), 98).replies).toBe(0);
  });
});
