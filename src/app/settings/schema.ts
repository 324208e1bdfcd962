import { z } from 'zod';
import { bindAddress, duration, filePath, port, trustDomain } from './field-types.ts';
import { agent } from './schema-agent.ts';
import { agents } from './schema-agents.ts';
import { audit, authority, limits, logging, retention, serving } from './schema-authority.ts';
import { audiences, issuer, outbound, tokenReview, xfcc } from './schema-callers.ts';
import { decisions, policy, proxy } from './schema-checks.ts';
import { bundleEndpoint } from './schema-federation.ts';

/**
 * Every setting of the server. Each has a default, so that an empty file is a whole configuration.
 * `fooBar` here is `--foo-bar` and `CASTELLAN_FOO_BAR`; `a.fooBar` is `--a-foo-bar` and `CASTELLAN_A_FOO_BAR`.
 */
const schema = z.strictObject({
  trustDomain: trustDomain.describe('The trust domain this authority signs for.'),
  clusterId: z
    .string()
    .max(253)
    .default('Kubernetes')
    .describe('The cluster that callers may name in the `clusterid` metadata.'),
  stateDir: filePath()
    .default('./.castellan')
    .describe('Where keys, the database, sockets and endpoints.json live.'),
  csrAddress: bindAddress.describe('The address of the CSR door (gRPC over TLS).'),
  csrPort: port(15_012).describe('The port of the CSR door; 0 takes any free one.'),
  adminAddress: bindAddress.describe('The address of the admin API (https).'),
  adminPort: port(15_080).describe('The port of the admin API; 0 takes any free one.'),
  adminSocket: filePath()
    .optional()
    .describe('The Unix socket of the admin API; `run/admin.sock` in the state directory when absent.'),
  observabilityAddress: bindAddress.describe('The address of metrics and probes (http).'),
  observabilityPort: port(15_014).describe('The port of metrics and probes; 0 takes any free one.'),
  extAuthzAddress: bindAddress.describe(
    'The address of the gRPC door for proxies. Off loopback it takes TLS only, and proxies with a credential.',
  ),
  extAuthzPort: port(9_191).describe('The port of the gRPC door for proxies; 0 takes any free one.'),
  extAuthzHttpPort: port(9_192).describe(
    'The port of the HTTP doors for proxies (forward-auth, auth-request, AuthZEN); 0 takes any free one.',
  ),
  extAuthzSocket: filePath()
    .optional()
    .describe('A Unix socket for the gRPC door for proxies, instead of address and port.'),
  plaintext: z
    .strictObject({
      enabled: z.boolean().default(false).describe('Serve the CSR door without TLS too, on loopback only.'),
      port: port(15_010).describe('The port of the plaintext CSR door.'),
      authenticate: z
        .boolean()
        .default(false)
        .describe('Let bearer tokens authenticate over plaintext. Off, every plaintext call is refused.'),
    })
    .prefault({}),
  serving: serving.prefault({}),
  authority: authority.prefault({}),
  csr: z
    .strictObject({
      strict: z
        .boolean()
        .default(false)
        .describe('Refuse a CSR that asks for names or extensions, instead of leaving them out.'),
      allowEd25519: z.boolean().default(false).describe('Accept Ed25519 keys.'),
      blockedKeysFile: filePath()
        .optional()
        .describe('A file of SHA-256 hashes (hex, one a line) of public keys (SPKI) that are refused.'),
    })
    .prefault({}),
  tokenAudiences: audiences
    .default(['istio-ca'])
    .describe('The audiences of callers’ tokens, unless an issuer has its own.'),
  issuers: z.array(issuer).max(64).default([]).describe('Who may sign tokens of callers.'),
  tokenReview: tokenReview.optional().describe('Ask a Kubernetes API server about service account tokens.'),
  xfcc: xfcc.prefault({}),
  trustedNodeAccounts: z
    .array(z.string().regex(/^[a-z0-9-]+\/[a-z0-9.-]+$/, 'not namespace/account'))
    .max(64)
    .default([])
    .describe(
      'Accounts of node proxies (`namespace/account`) that may ask for the identities on their node.',
    ),
  agents: agents.prefault({}),
  bundleEndpoint: bundleEndpoint.prefault({}),
  outbound: outbound.prefault({}),
  proxies: z
    .array(proxy)
    .max(1_024)
    .default([])
    .describe('Who may ask for decisions, and about which workloads.'),
  workers: z
    .int()
    .min(0)
    .max(64)
    .default(0)
    .describe('Processes that answer proxies, beside this one; 0 answers them in the server itself.'),
  policy: policy.prefault({}),
  decisions: decisions.prefault({}),
  agent: agent.prefault({}),
  limits: limits.prefault({}),
  retention: retention.prefault({}),
  audit: audit.prefault({}),
  logging: logging.prefault({}),
  reflection: z.boolean().default(false).describe('Serve gRPC reflection.'),
  shutdownDelay: duration('0s').describe(
    'How long the server stays up, not ready, after SIGTERM before it drains.',
  ),
});

/** The schema, and the audiences of the whole where an issuer names none. */
export const settingsSchema = schema.transform((read) => ({
  ...read,
  issuers: read.issuers.map((one) => ({ ...one, audiences: one.audiences ?? read.tokenAudiences })),
  tokenReview: read.tokenReview && {
    ...read.tokenReview,
    audiences: read.tokenReview.audiences ?? read.tokenAudiences,
  },
}));

export type Settings = z.output<typeof settingsSchema>;
export type IssuerSettings = Settings['issuers'][number];
