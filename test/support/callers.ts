import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyResources } from '../../src/operations/apply-resource.ts';
import { FakeTokenIssuer } from '../fakes/token-issuer.ts';
import type { Castellan } from './castellan.ts';
import { type CsrShape, makeCsr } from './foreign-pki.ts';

/** A directory that the operating system clears away. */
export const scratchDirectory = (): string => mkdtempSync(join(tmpdir(), 'castellan-test-'));

export interface AccountToken {
  readonly namespace?: string;
  readonly account?: string;
  readonly podName?: string;
  readonly podUid?: string;
  readonly audience?: unknown;
  /** Seconds from now; negative is over. */
  readonly lifetime?: number;
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** An issuer of Kubernetes service account tokens, with the settings that make a server believe it. */
export class AccountIssuer {
  readonly issuer = new FakeTokenIssuer({ issuer: 'https://kubernetes.default.svc' });
  readonly settings: string;

  constructor() {
    const jwksFile = join(scratchDirectory(), 'jwks.json');
    writeFileSync(jwksFile, this.issuer.jwks());
    this.settings = `issuers: [{ issuer: '${this.issuer.issuer}', jwksFile: '${jwksFile}' }]\n`;
  }

  token(of: AccountToken = {}, now = Date.now()): string {
    const { namespace = 'shop', account = 'cart', podName, podUid } = of;
    const seconds = Math.floor(now / 1000);
    return this.issuer.token({
      sub: `system:serviceaccount:${namespace}:${account}`,
      aud: of.audience ?? ['istio-ca'],
      iat: seconds - 1,
      exp: seconds + (of.lifetime ?? 3600),
      'kubernetes.io': {
        namespace,
        serviceaccount: { name: account, uid: 'account-uid' },
        ...(podUid === undefined ? {} : { pod: { name: podName ?? 'pod', uid: podUid } }),
      },
      ...of.claims,
    });
  }

  /** The header that carries it. */
  bearer(of: AccountToken = {}, now?: number): Readonly<Record<string, string>> {
    return { authorization: `Bearer ${this.token(of, now)}` };
  }
}

export interface IssuedIdentity {
  readonly chainPem: string;
  readonly privateKeyPem: string;
  readonly chain: readonly string[];
}

/** A certificate for an account, got as any workload gets it. */
export async function getCertificate(
  ca: Castellan,
  headers: Readonly<Record<string, string>>,
  shape: CsrShape = {},
): Promise<IssuedIdentity> {
  using client = ca.client();
  const csr = await makeCsr(shape);
  const { chain } = await client.create({ csr: csr.pem }, headers);
  return { chain, chainPem: chain.slice(0, -1).join(''), privateKeyPem: csr.privateKeyPem };
}

/** Writes resources as an operator would. */
export async function apply(ca: Castellan, text: string): Promise<void> {
  const outcome = await applyResources(
    ca.server.state.store.resources,
    { name: 'test', method: 'local', role: 'admin', requestId: 'test' },
    { text, file: 'test.yaml', defaultNamespace: 'default', dryRun: false },
  );
  if (!outcome.applied) throw new Error(JSON.stringify(outcome.findings));
}

export interface RegistrationText {
  readonly name: string;
  readonly spiffeId: string;
  readonly node?: string;
  readonly instanceUid?: string;
  readonly dnsNames?: readonly string[];
  readonly parentId?: string;
}

export function registration(of: RegistrationText): string {
  const { name, ...spec } = of;
  return `${JSON.stringify({
    apiVersion: 'castellan.dev/v1alpha1',
    kind: 'IdentityRegistration',
    metadata: { name },
    spec: { selectors: ['unix:uid:1000'], ...spec },
  })}\n`;
}
