import { z } from 'zod';
import { SpiffeId } from '../../spiffe/index.ts';
import { count, filePath } from './field-types.ts';

const spiffeId = z
  .string()
  .max(2_048)
  .refine((text) => SpiffeId.tryParse(text) !== undefined, { message: 'not a SPIFFE ID' });

/** `spiffe://td/ns/shop/sa/cart`, or with a last segment `*`. */
const accountPattern = z
  .string()
  .max(2_048)
  .refine((text) => SpiffeId.tryParse(text.replace(/\/\*$/, '/any')) !== undefined, {
    message: 'not a SPIFFE ID (its last segment may be *)',
  });

const destination = z
  .strictObject({
    spiffeId: accountPattern
      .optional()
      .describe('One account, or all of a namespace with a last segment `*`.'),
    namespace: z.string().max(253).optional().describe('Workloads of this namespace.'),
    labels: z
      .record(z.string().max(317), z.string().max(63))
      .default({})
      .describe('With `namespace`: labels that a workload must have.'),
  })
  .refine(({ spiffeId: id, namespace }) => (id === undefined) !== (namespace === undefined), {
    message: 'give exactly one of spiffeId and namespace',
    path: ['spiffeId'],
  });

export const proxy = z
  .strictObject({
    name: z.string().min(1).max(253).describe('How decision records call it.'),
    identity: spiffeId.optional().describe('The SPIFFE ID of its client certificate.'),
    tokenFile: filePath()
      .optional()
      .describe('A file with a token that it shows in x-castellan-proxy-token.'),
    listener: z
      .enum(['ext-authz', 'ext-authz-http'])
      .optional()
      .describe('Whoever reaches this loopback or Unix listener is this proxy.'),
    destinations: z
      .array(destination)
      .max(256)
      .optional()
      .describe('The workloads it may ask about; every workload when absent.'),
    trustProxyPrincipal: z
      .boolean()
      .default(false)
      .describe('Believe the client identity that it tells even without the client certificate.'),
  })
  .refine(
    ({ identity, tokenFile, listener }) =>
      [identity, tokenFile, listener].filter((one) => one !== undefined).length === 1,
    { message: 'give exactly one of identity, tokenFile and listener', path: ['identity'] },
  );

const provider = z
  .strictObject({
    name: z.string().min(1).max(63).describe('Its name in MeshConfig.'),
    address: z
      .string()
      .max(260)
      .regex(/^(\[[0-9a-fA-F:]+\]|[^:[\]/\s]+):[0-9]{1,5}$/, 'not host:port')
      .optional()
      .describe('`host:port`, where its service name is not known to this host; may be a private address.'),
    tls: z.boolean().default(false).describe('Ask it over TLS.'),
    caFile: filePath()
      .optional()
      .describe(
        'With `tls`: a PEM bundle that its certificate must chain to, instead of the public authorities.',
      ),
  })
  .refine(({ tls, caFile }) => tls || caFile === undefined, {
    message: 'a caFile needs `tls: true`',
    path: ['caFile'],
  });

export const policy = z.strictObject({
  directory: filePath()
    .optional()
    .describe('A directory of resource files that is kept in force; what it holds is changed there alone.'),
  strict: z
    .boolean()
    .default(false)
    .describe('Decide more strictly than Istio where the two differ (see the security model).'),
  stripPathParameters: z
    .boolean()
    .default(false)
    .describe('Remove `;parameters` from paths before policies see them.'),
  selfProviders: z
    .array(z.string().min(1).max(63))
    .max(64)
    .default([])
    .describe('Extension providers of MeshConfig that are this server: they count as passed.'),
  multipleCustomProviders: z
    .boolean()
    .default(false)
    .describe('Let several CUSTOM providers apply to one workload.'),
  providers: z
    .array(provider)
    .max(64)
    .default([])
    .describe(
      'How extension providers of MeshConfig are reached, where their service name and port are not enough.',
    ),
});

export const decisions = z.strictObject({
  ring: count(100_000, 10_000_000).describe('Decision records kept for `castellan explain`.'),
  sampleAllows: z
    .number()
    .min(0)
    .max(1)
    .default(0.01)
    .describe('The share of allowed requests that is recorded; denials always are.'),
});
