import { z } from 'zod';
import { duration, filePath } from './field-types.ts';

/** How nodes may attest. Join tokens are always possible: an operator makes each one. */
export const agents = z.strictObject({
  nodeTtl: duration('0s').describe(
    'The lifetime of node SVIDs; with 0s, that of any other certificate (`authority.workloadTtl`).',
  ),
  x509Pop: z
    .strictObject({
      bundleFile: filePath().describe('The PEM bundle of the authorities of machine certificates.'),
      name: z
        .enum(['fingerprint', 'common-name', 'dns-name'])
        .default('fingerprint')
        .describe(
          'What names the agent: the SHA-256 of the certificate, its common name, or its only DNS name.',
        ),
    })
    .optional()
    .describe('Let machines attest with a certificate they have, and proof of its key.'),
  k8sSat: z
    .strictObject({
      accounts: z
        .array(z.string().regex(/^[a-z0-9-]+\/[a-z0-9.-]+$/, 'not namespace/account'))
        .min(1)
        .max(64)
        .describe('The service accounts (`namespace/account`) of agents.'),
    })
    .optional()
    .describe(
      'Let agents attest with a projected service account token, judged as those of callers are (`issuers`, `tokenReview`).',
    ),
});
