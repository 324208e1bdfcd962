/** What a load on the CSR door is made of. */
import type { KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import type { Endpoints } from '../../src/app/endpoints-file.ts';
import { IstioCertificateRequestSchema } from '../../src/wire/gen/istio/v1/auth/ca_pb.js';
import { formatPem } from '../../src/x509/index.ts';
import { FakeTokenIssuer } from '../../test/fakes/token-issuer.ts';
import { buildCsr } from '../../test/support/csr.ts';

const spiffeUri = 'spiffe://cluster.local/ns/shop/sa/cart';

/** A CSR, and the message that carries it. */
export interface Csr {
  readonly privateKey: KeyObject;
  readonly der: Uint8Array;
  readonly message: Uint8Array;
}

export function csrOf(privateKey: KeyObject): Csr {
  const der = buildCsr(privateKey, { uri: spiffeUri });
  const csr = formatPem('CERTIFICATE REQUEST', der);
  const message = toBinary(IstioCertificateRequestSchema, create(IstioCertificateRequestSchema, { csr }));
  return { privateKey, der, message };
}

export interface Caller {
  readonly issuer: FakeTokenIssuer;
  readonly token: string;
  /** Settings up to the end of `limits`, which is left open. */
  readonly settings: string;
}

/** A Kubernetes service account: RS256, as API servers sign by default. */
export function makeCaller(scratch: string): Caller {
  const issuer = new FakeTokenIssuer({ issuer: 'https://kubernetes.default.svc', algorithm: 'RS256' });
  const seconds = Math.floor(Date.now() / 1000);
  const token = issuer.token({
    sub: 'system:serviceaccount:shop:cart',
    aud: ['istio-ca'],
    iat: seconds - 1,
    nbf: seconds - 1,
    exp: seconds + 86_400,
    'kubernetes.io': {
      namespace: 'shop',
      pod: { name: 'cart-7d4b9c6f5-x2x9z', uid: '6f2b1c1e-2b7a-4a0e-9f0c-0d5a3f1f7a10' },
      serviceaccount: { name: 'cart', uid: '0c9f1d7a-8a55-4b6e-8f0c-6c1de3c0a7c4' },
    },
  });
  const jwksFile = join(scratch, 'jwks.json');
  writeFileSync(jwksFile, issuer.jwks());
  const raised = ['perIdentityPerSecond', 'perIdentityBurst', 'perSourcePerSecond', 'perSourceBurst'];
  const limits = raised.map((name) => `${name}: 1000000`).join(', ');
  const settings = `issuers: [{ issuer: '${issuer.issuer}', jwksFile: '${jwksFile}' }]\nlimits: { ${limits}`;
  return { issuer, token, settings };
}

/** Certificates that the server says it has issued. */
export async function issued(server: { readonly endpoints: Endpoints }): Promise<number> {
  const text = await (await fetch(`http://${server.endpoints.observability}/metrics`)).text();
  const value = /^citadel_server_success_cert_issuance_count(?:\{[^}]*\})? (\d+)$/m.exec(text)?.[1];
  return Number(value ?? 0);
}
