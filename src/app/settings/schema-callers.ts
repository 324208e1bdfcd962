import { z } from 'zod';
import { addressRange, duration, filePath, httpsUrl } from './field-types.ts';

export const audiences = z.array(z.string().min(1).max(512)).min(1).max(16);

/** Exactly one of the three sources of keys. */
const issuerShape = z.strictObject({
  issuer: z.string().min(1).max(2_048).describe('The exact `iss` claim.'),
  audiences: audiences
    .optional()
    .describe('Audiences of which a token must have one; `tokenAudiences` when absent.'),
  jwksFile: filePath().optional().describe('A file with the key set; read again when it changes.'),
  jwksUri: httpsUrl().optional().describe('An https URL of the key set.'),
  discovery: z
    .boolean()
    .default(false)
    .describe('Find the key set by `/.well-known/openid-configuration` of the issuer.'),
  kind: z
    .enum(['kubernetes', 'template'])
    .default('kubernetes')
    .describe('`kubernetes`: the identity is the service account. `template`: it is built from claims.'),
  spiffeIdTemplate: z
    .string()
    .max(1_024)
    .optional()
    .describe('With kind `template`: path with claims, such as `/ci/{repository_owner}/{job}`.'),
});

export const issuer = issuerShape
  .refine(
    ({ jwksFile, jwksUri, discovery }) =>
      [jwksFile !== undefined, jwksUri !== undefined, discovery].filter(Boolean).length === 1,
    { message: 'give exactly one of jwksFile, jwksUri and discovery', path: ['jwksFile'] },
  )
  .refine(({ kind, spiffeIdTemplate }) => (kind === 'template') === (spiffeIdTemplate !== undefined), {
    message: 'kind `template` needs a spiffeIdTemplate, kind `kubernetes` has none',
    path: ['spiffeIdTemplate'],
  });

export const tokenReview = z.strictObject({
  server: httpsUrl().describe('The URL of the Kubernetes API server.'),
  caFile: filePath().describe('The PEM bundle that its certificate must chain to.'),
  tokenFile: filePath().describe('The token this server presents; read again when it changes.'),
  audiences: audiences
    .optional()
    .describe('Audiences asked for, and checked in the reply; `tokenAudiences` when absent.'),
  cacheTtl: duration('60s').describe('How long an answer is remembered, by token hash.'),
  timeout: duration('5s').describe('How long an answer may take.'),
});

export const xfcc = z.strictObject({
  trustedCidrs: z
    .array(addressRange)
    .max(256)
    .default([])
    .describe('Networks whose proxies may name the caller in x-forwarded-client-cert. None by default.'),
});

export const outbound = z.strictObject({
  allow: z
    .array(addressRange)
    .max(256)
    .default([])
    .describe(
      'Addresses that outgoing requests may reach although they are loopback, link-local or private.',
    ),
  caFile: filePath()
    .optional()
    .describe(
      'A PEM bundle of private authorities that key set servers named by policies may chain to, beside the public ones.',
    ),
});
