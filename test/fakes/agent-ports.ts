import { generateKeyPairSync } from 'node:crypto';
import type {
  AgentMeter,
  CertificateRequest,
  CertificateSource,
  KeyMaker,
  NodeView,
  RawUpdate,
} from '../../src/agent/index.ts';
import { applyUpdate } from '../../src/agent/index.ts';
import { defaultKeyPolicy, formatCertificatePem, localSigner, parseCsrPem } from '../../src/x509/index.ts';
import { makeLeaf, type TestPki } from '../support/pki.ts';
import type { FakeClock } from './clock.ts';

export const testKeys: KeyMaker = {
  async make() {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return {
      signer: localSigner(privateKey),
      privateKeyPkcs8: privateKey.export({ format: 'der', type: 'pkcs8' }),
    };
  },
};

export class FakeMeter implements AgentMeter {
  readonly renewals: Record<string, number> = {};
  readonly limits: string[] = [];

  renewal(result: 'installed' | 'refused' | 'failed'): void {
    this.renewals[result] = (this.renewals[result] ?? 0) + 1;
  }

  limitHit(limit: string): void {
    this.limits.push(limit);
  }

  nack(): void {}
}

/** Issues from a hierarchy, in the time of a fake clock; can be away, slow, or wrong. */
export class FakeCertificateSource implements CertificateSource {
  readonly pki: TestPki;
  readonly clock: FakeClock;
  readonly requests: CertificateRequest[] = [];
  ttlMs = 3_600_000;
  running = 0;
  mostRunning = 0;
  /** Thrown instead of an answer. */
  error: Error | undefined;
  /** Answers wait until it resolves. */
  gate: Promise<void> = Promise.resolve();
  change: (chain: string[], request: CertificateRequest) => string[] | Promise<string[]> = (chain) => chain;

  constructor(pki: TestPki, clock: FakeClock) {
    this.pki = pki;
    this.clock = clock;
  }

  async issue(request: CertificateRequest): Promise<readonly string[]> {
    this.requests.push(request);
    this.running++;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    try {
      await this.gate;
      if (this.error !== undefined) throw this.error;
      const { publicKey } = parseCsrPem(request.csrPem, defaultKeyPolicy);
      return await this.change(await this.chain(request.spiffeId.uri, publicKey.spkiDer), request);
    } finally {
      this.running--;
    }
  }

  async chain(id: string, spkiDer: Uint8Array): Promise<string[]> {
    const now = this.clock.now();
    const ttl = this.ttlMs;
    const { certificate } = await makeLeaf(this.pki.intermediate, id, {
      ...({ spkiDer } as object),
      notBefore: now - Math.min(120_000, ttl / 10),
      notAfter: now + ttl,
    });
    const { intermediate, root } = this.pki;
    return [certificate, intermediate.certificate, root.certificate].map(({ der }) =>
      formatCertificatePem(der),
    );
  }
}

/** A view as a server's answer makes it. */
export function viewOf(
  pki: TestPki,
  registrations: readonly {
    name: string;
    spiffeId: string;
    selectors: readonly string[];
    x509TtlSeconds?: number;
  }[],
  more: Partial<RawUpdate> = {},
): NodeView {
  return applyUpdate(undefined, updateOf(pki, registrations, more)).view;
}

export function updateOf(
  pki: TestPki,
  registrations: readonly {
    name: string;
    spiffeId: string;
    selectors: readonly string[];
    x509TtlSeconds?: number;
  }[],
  more: Partial<RawUpdate> = {},
): RawUpdate {
  return {
    revision: '1',
    isFull: true,
    registrations: registrations.map((one) => ({ x509TtlSeconds: 0, hint: '', federatesWith: [], ...one })),
    bundles: [
      {
        trustDomain: 'cluster.local',
        sequence: 1n,
        refreshHintSeconds: 300,
        rootsDer: [pki.root.certificate.der],
        jwtKeys: [],
        crlsDer: [],
        knownIssuersDer: [],
      },
    ],
    revocations: undefined,
    policy: undefined,
    ...more,
  };
}
