import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import {
  type Authority,
  type AuthoritySettings,
  defaultLeafPolicy,
  defaultSelfManaged,
  type Issuance,
  initialiseAuthority,
  openAuthority,
  randomSerials,
} from '../../src/authority/index.ts';
import { days } from '../../src/base/duration.ts';
import { parseTrustDomain, SpiffeId } from '../../src/spiffe/index.ts';
import { localSigner, parseCertificatesPem, validatePath } from '../../src/x509/index.ts';
import { FakeJournalStore, FakeKeyStore, generateKey } from '../fakes/authority-stores.ts';
import { FakeClock } from '../fakes/clock.ts';
import { FakeLogger } from '../fakes/logger.ts';
import { FakeRandom } from '../fakes/random.ts';

export const trustDomain = parseTrustDomain('cluster.local');
export const cart = SpiffeId.parse('spiffe://cluster.local/ns/shop/sa/cart');

/** Daily checks: years pass in few steps. */
export const selfManaged: AuthoritySettings = {
  trustDomain,
  leaves: defaultLeafPolicy,
  hierarchy: { ...defaultSelfManaged, checkEvery: days(1) },
};

export function fakePorts(seed = 'authority', clock = new FakeClock('2026-03-01T12:00:00Z')) {
  return {
    keys: new FakeKeyStore(),
    journal: new FakeJournalStore(),
    serials: randomSerials(new FakeRandom(seed)),
    clock,
    logger: new FakeLogger(),
  };
}

export type FakePorts = ReturnType<typeof fakePorts>;

/** A new self-managed authority with everything it stands on. */
export async function newAuthority(
  settings: AuthoritySettings = selfManaged,
): Promise<{ authority: Authority; ports: FakePorts }> {
  const ports = fakePorts();
  await initialiseAuthority(ports, settings);
  return { authority: await openAuthority(ports, settings), ports };
}

const workloadKey = localSigner(generateKey('P-256')).publicKey;

/** One leaf for the workload `cart`. */
export function issueCart(authority: Authority, requestedTtlSeconds: bigint | number = 0): Promise<Issuance> {
  return authority.issueForKey({ publicKey: workloadKey, spiffeId: cart, requestedTtlSeconds });
}

/** The chain without the roots, as a peer presents it: validated by our own path validator at `now`. */
export function validateIssuance(issuance: Issuance, authority: Authority, now: number) {
  const presented = issuance.chainPem.slice(0, -1).flatMap((pem) => parseCertificatesPem(pem));
  return validatePath(
    presented.map(({ der }) => der),
    { now, purpose: 'client', rootsFor: () => authority.roots(), crls: authority.crls() },
  );
}

export function withDirectory<T>(work: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'castellan-authority-'));
  const done = () => rmSync(directory, { recursive: true, force: true });
  let result: T;
  try {
    result = work(directory);
  } catch (error) {
    done();
    throw error;
  }
  if (result instanceof Promise) return result.finally(done) as T;
  done();
  return result;
}

/** Runs openssl; throws with what it printed when it fails. */
export function openssl(args: readonly string[], directory: string): string {
  const run = spawnSync('openssl', args, { cwd: directory, encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`openssl ${args.join(' ')}: ${run.stderr}${run.stdout}`);
  return run.stdout;
}

/** The second opinion: `openssl verify` at `now` with the roots as anchors and the middle as untrusted. */
export function expectOpensslVerifies(issuance: Issuance, now: number): void {
  withDirectory((directory) => {
    const [leaf = '', ...rest] = issuance.chainPem;
    writeFileSync(join(directory, 'leaf.pem'), leaf);
    writeFileSync(join(directory, 'middle.pem'), rest.slice(0, -1).join(''));
    writeFileSync(join(directory, 'roots.pem'), rest.at(-1) ?? '');
    const middle = rest.length > 1 ? ['-untrusted', 'middle.pem'] : [];
    const at = Math.floor(now / 1000).toString();
    const args = ['verify', '-x509_strict', '-attime', at, '-CAfile', 'roots.pem', ...middle, 'leaf.pem'];
    expect(openssl(args, directory)).toContain('leaf.pem: OK');
  });
}
