import type { KeyObject } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PluggedFiles, type PluggedFilesSource, randomSerials } from '../../src/authority/index.ts';
import { days } from '../../src/base/duration.ts';
import {
  buildIntermediate,
  buildRoot,
  type Certificate,
  formatCertificatePem,
  type Issuer,
  localSigner,
  parseCertificate,
} from '../../src/x509/index.ts';
import { generateKey } from '../fakes/authority-stores.ts';
import { FakeRandom } from '../fakes/random.ts';
import { openssl, trustDomain, withDirectory } from './authority.ts';

/** A CA as an operator would bring one along. */
export interface TestCa {
  readonly key: KeyObject;
  readonly issuer: Issuer;
  readonly certificate: Certificate;
  readonly pem: string;
}

export interface TestValidity {
  readonly from?: number;
  readonly until?: number;
}

const serials = randomSerials(new FakeRandom('plugged'), 0x02);
const now = Date.parse('2026-03-01T12:00:00Z');

export async function testRoot(validity: TestValidity = {}): Promise<TestCa> {
  const key = generateKey('P-256');
  const signer = localSigner(key);
  const { from: notBefore = now - days(1), until: notAfter = now + days(3650) } = validity;
  return testCa(key, await buildRoot({ trustDomain, signer, notBefore, notAfter, serial: serials.next() }));
}

export async function testIntermediate(
  above: TestCa,
  validity: TestValidity & { pathLength?: number } = {},
): Promise<TestCa> {
  const key = generateKey('P-256');
  const { from: notBefore = now - days(1), until: notAfter = now + days(365), pathLength = 0 } = validity;
  const der = await buildIntermediate({
    trustDomain,
    issuer: above.issuer,
    publicKey: localSigner(key).publicKey,
    notBefore,
    notAfter,
    serial: serials.next(),
    pathLength,
  });
  return testCa(key, der);
}

function testCa(key: KeyObject, der: Uint8Array): TestCa {
  const certificate = parseCertificate(der);
  return {
    key,
    certificate,
    issuer: { certificate, signer: localSigner(key) },
    pem: formatCertificatePem(der),
  };
}

export const keyPem = (ca: TestCa): string => ca.key.export({ format: 'pem', type: 'pkcs8' }) as string;

/** The four files of Istio's layout: what signs first, then what stands above it. */
export function pluggedFiles(
  chain: readonly [TestCa, ...TestCa[]],
  roots: readonly TestCa[],
  changes: Partial<PluggedFiles> = {},
): PluggedFiles {
  return {
    layout: 'istio',
    signingCertificatePem: chain[0].pem,
    signingKeyPem: keyPem(chain[0]),
    chainPem: chain.map(({ pem }) => pem).join(''),
    rootsPem: roots.map(({ pem }) => pem).join(''),
    crlPem: undefined,
    names: {
      certificate: 'ca-cert.pem',
      key: 'ca-key.pem',
      chain: 'cert-chain.pem',
      roots: 'root-cert.pem',
      crl: 'ca-crl.pem',
    },
    warnings: [],
    ...changes,
  };
}

/** A directory in memory: `put` changes it and tells whoever watches. */
export class FakePluggedFiles implements PluggedFilesSource {
  files: PluggedFiles;
  readonly #watchers = new Set<() => void>();

  constructor(files: PluggedFiles) {
    this.files = files;
  }

  async read(): Promise<PluggedFiles> {
    return this.files;
  }

  watch(changed: () => void): Disposable {
    this.#watchers.add(changed);
    return { [Symbol.dispose]: () => void this.#watchers.delete(changed) };
  }

  put(files: PluggedFiles): void {
    this.files = files;
    for (const changed of this.#watchers) changed();
  }

  get watchers(): number {
    return this.#watchers.size;
  }
}

/** A CRL as openssl makes one, current for 30 days around the tests' now, listing the given serials. */
export function testCrl(ca: TestCa, revoked: readonly string[] = []): string {
  return withDirectory((directory) => {
    const config =
      '[ca]\ndefault_ca=d\n[d]\ndatabase=index\ndefault_md=sha256\ncrl_extensions=x\n[x]\nauthorityKeyIdentifier=keyid\n';
    const index = revoked.map(
      (serial) => `R\t360101000000Z\t260101000000Z\t${serial.toUpperCase()}\tunknown\t/CN=x\n`,
    );
    writeFileSync(join(directory, 'config'), config);
    writeFileSync(join(directory, 'index'), index.join(''));
    writeFileSync(join(directory, 'key'), keyPem(ca));
    writeFileSync(join(directory, 'certificate'), ca.pem);
    const times = ['-crl_lastupdate', '20260215000000Z', '-crl_nextupdate', '20260315000000Z'];
    return openssl(
      ['ca', '-gencrl', '-config', 'config', '-keyfile', 'key', '-cert', 'certificate', ...times],
      directory,
    );
  });
}

/** The same four files on disk, one signer below the roots. */
export function writePluggedSet(directory: string, signing: TestCa, ...roots: readonly TestCa[]): void {
  mkdirSync(directory, { recursive: true });
  const files = {
    'ca-cert.pem': signing.pem,
    'ca-key.pem': keyPem(signing),
    'cert-chain.pem': signing.pem,
    'root-cert.pem': roots.map(({ pem }) => pem).join(''),
  };
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(directory, name), text, { mode: 0o600 });
}
