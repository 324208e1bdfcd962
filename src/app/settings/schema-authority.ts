import { z } from 'zod';
import { addressRange, count, duration, filePath, optionalDuration } from './field-types.ts';

export const authority = z
  .strictObject({
    keyType: z
      .enum(['P-256', 'P-384'])
      .default('P-256')
      .describe('The key type of a self-made root and intermediate.'),
    rootTtl: duration('87600h').describe('How long a self-made root lives.'),
    intermediate: z.boolean().default(true).describe('Sign with an intermediate that renews itself.'),
    intermediateTtl: duration('720h').describe('How long an intermediate lives.'),
    workloadTtl: duration('24h').describe('The lifetime of a certificate when the caller asks for none.'),
    maxWorkloadTtl: duration('2160h').describe('The longest lifetime a caller may ask for.'),
    rotateRoots: z
      .boolean()
      .default(true)
      .describe('Roots rotate by themselves before they end; off: only when an operator asks.'),
    rootPrepareBefore: optionalDuration().describe(
      'How long before its end the next root is published; half its life, at most 30 days or what the longest leaf needs, when absent.',
    ),
    rootActivateBefore: optionalDuration().describe(
      'How long before the end of a root the next one signs; a sixth of its life, at most 7 days, when absent.',
    ),
    rootKeyLost: z
      .boolean()
      .default(false)
      .describe('The key of the root is gone for good: start without it and replace the root.'),
    jwtPrepareBefore: optionalDuration().describe(
      'How long before its end the next JWT key is published; half its life, at most 30 days, when absent.',
    ),
    jwtActivateBefore: optionalDuration().describe(
      'How long before the end of a JWT key the next one signs; a sixth of its life, at most 7 days, when absent.',
    ),
    jwtKeyType: z
      .enum(['P-256', 'P-384', 'RSA-2048'])
      .default('P-256')
      .describe('The type of the keys that sign JWT-SVIDs; some readers know RSA only.'),
    jwtKeyTtl: duration('720h').describe('How long a key that signs JWT-SVIDs lives.'),
    jwtTtl: duration('5m').describe('The lifetime of a JWT-SVID when nothing else is said.'),
    maxJwtTtl: duration('24h').describe('The longest lifetime of a JWT-SVID.'),
    jwtIssuer: z
      .string()
      .regex(/^https?:\/\/[\x21-\x7e]{1,2040}$/, 'not an http(s) URL')
      .optional()
      .describe('The `iss` of JWT-SVIDs, for readers that find keys by it; none when absent.'),
    keyEncipherment: z
      .boolean()
      .default(true)
      .describe('Set keyEncipherment in certificates with EC keys too, as Istio does.'),
    cacertsDir: filePath()
      .optional()
      .describe('A directory with a plugged-in CA in the layout of an Istio `cacerts` secret.'),
    passphraseFile: filePath()
      .optional()
      .describe('A file (mode 0600 or stricter) with the passphrase of the signing keys.'),
    passphraseEnv: z
      .string()
      .regex(/^[A-Z_][A-Z0-9_]*$/, 'not the name of an environment variable')
      .optional()
      .describe('An environment variable with the passphrase; root can read it in /proc, so prefer a file.'),
    passphraseFd: z
      .int()
      .min(3)
      .max(1_024)
      .optional()
      .describe('An open file descriptor with the passphrase.'),
  })
  .refine((value) => value.workloadTtl <= value.maxWorkloadTtl, {
    message: 'the default lifetime is longer than the longest allowed',
    path: ['workloadTtl'],
  })
  .refine((value) => value.jwtTtl <= value.maxJwtTtl, {
    message: 'the default lifetime is longer than the longest allowed',
    path: ['jwtTtl'],
  })
  .refine(
    ({ passphraseFile, passphraseEnv, passphraseFd }) =>
      [passphraseFile, passphraseEnv, passphraseFd].filter((source) => source !== undefined).length <= 1,
    { message: 'more than one source for the passphrase', path: ['passphraseFile'] },
  );

export const serving = z.strictObject({
  dnsNames: z
    .array(
      z
        .string()
        .regex(/^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'not a DNS name in lower case')
        .max(253),
    )
    .max(64)
    .default(['localhost', 'istiod.istio-system.svc', 'istio-ca.istio-system.svc', 'castellan'])
    .describe('The DNS names in the certificate of our own doors.'),
  ips: z
    .array(addressRange.refine((text) => !text.includes('/'), { message: 'an address, not a range' }))
    .max(64)
    .default(['127.0.0.1', '::1'])
    .describe('The addresses in the certificate of our own doors.'),
});

export const limits = z.strictObject({
  perIdentityPerSecond: count(50).describe('Certificates a second for one caller identity, on average.'),
  perIdentityBurst: count(200).describe('Certificates one caller identity may get at once.'),
  perSourcePerSecond: count(200).describe('Calls a second from one address, on average.'),
  perSourceBurst: count(1_000).describe('Calls one address may make at once.'),
  maxQueuedIssuances: count(10_000).describe(
    'Issuances that may wait; more are answered RESOURCE_EXHAUSTED.',
  ),
  maxConcurrentStreams: count(1_000).describe('Streams one connection may have open.'),
  maxConnections: count(10_000).describe('Connections one door may have open.'),
  verifiedTokens: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(10_000)
    .describe('Verified tokens that are remembered, by hash, for 10 minutes at most; 0 verifies each time.'),
  adminRequestsPerMinute: count(600).describe('Requests one address may make to the admin API in a minute.'),
});

export const retention = z.strictObject({
  expiredCertificates: duration('2160h').describe('How long the record of an ended certificate is kept.'),
  joinTokens: duration('168h').describe('How long a used or ended join token is listed.'),
  traffic: duration('192h').describe('How long counts of traffic are kept (`castellan get traffic`).'),
});

export const audit = z.strictObject({
  checkpointFile: filePath()
    .optional()
    .describe(
      'Where signed audit checkpoints go; `audit-checkpoints.jsonl` in the state directory when absent.',
    ),
  checkpointEntries: count(1_000).describe('Audit entries after which a checkpoint is written.'),
  checkpointInterval: duration('60s').describe('Time after which a checkpoint is written.'),
});

export const logging = z.strictObject({
  level: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('The least important level that is logged.'),
  scopes: z
    .record(z.string().max(64), z.enum(['debug', 'info', 'warn', 'error']))
    .default({})
    .describe('Levels of single scopes, such as `ca: debug`.'),
});
