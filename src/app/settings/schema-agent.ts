import { z } from 'zod';
import { bindAddress, count, duration, filePath, port } from './field-types.ts';

const secretName = z.string().min(1).max(1_024);

/** The node agent: `castellan agent`, and the one that `up` runs beside the server. */
export const agent = z
  .strictObject({
    server: z
      .string()
      .regex(/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/, 'not host:port')
      .default('127.0.0.1:15012')
      .describe('The CSR door of the server, `host:port`.'),
    bundleFile: filePath()
      .optional()
      .describe('First trust: a PEM file with the roots of the server (`castellan get roots -o pem`).'),
    rootFingerprint: z
      .string()
      .regex(/^([0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2}$/, 'not a SHA-256 fingerprint in hexadecimal')
      .optional()
      .describe('First trust: the SHA-256 of a root of the server (`castellan get roots` prints it).'),
    joinTokenFile: filePath().optional().describe('A file with the join token that admits this node, once.'),
    certificateFile: filePath()
      .optional()
      .describe('A machine certificate (PEM, leaf first) to attest with; its key is `agent.keyFile`.'),
    keyFile: filePath().optional().describe('The private key of the machine certificate.'),
    serviceAccountTokenFile: filePath()
      .optional()
      .describe('A projected Kubernetes service account token to attest with.'),
    socket: filePath()
      .optional()
      .describe(
        'The socket for workloads (Workload API and SDS); `workload/api.sock` in the state directory when absent.',
      ),
    observabilityAddress: bindAddress.describe('The address of the agent’s metrics and probes (http).'),
    observabilityPort: port(15_016).describe(
      'The port of the agent’s metrics and probes; 0 takes any free one.',
    ),
    digests: z
      .boolean()
      .default(true)
      .describe('Find out `unix:sha256` of workloads; the program of each is read once.'),
    maxConcurrentRequests: count(8, 256).describe('Certificate requests to the server at once.'),
    maxStreams: count(10_000, 100_000).describe('Streams of workloads that may be open at once.'),
    maxStreamsPerUser: count(7_500, 100_000).describe(
      'Of these, and of connections, those that one user (uid) of the node may hold: nobody takes them all.',
    ),
    patience: duration('10s').describe(
      'How long a stream waits for a certificate before it is told that there is none.',
    ),
    sds: z
      .strictObject({
        defaultCertificateName: secretName
          .default('default')
          .describe('The secret name that means the default identity.'),
        defaultBundleName: secretName
          .default('ROOTCA')
          .describe('The secret name that means the bundle of the own trust domain.'),
        allBundlesName: secretName
          .default('ALL')
          .describe('The secret name that means every bundle, each for its own trust domain.'),
        repushInterval: duration('0s').describe(
          'Send every secret again this often, under a new version; 0s: only changes.',
        ),
      })
      .prefault({}),
    files: z
      .strictObject({
        dir: filePath()
          .optional()
          .describe('Write key.pem, cert.pem and bundle.pem of the agent’s own identity here, as a set.'),
        spiffeId: z
          .string()
          .max(2_048)
          .optional()
          .describe('Which of its identities; the default one when absent.'),
        command: z
          .string()
          .min(1)
          .max(4_096)
          .optional()
          .describe('A command for /bin/sh after each change of the files.'),
        pidFile: filePath()
          .optional()
          .describe('A file with the number of a process that is signalled after each change.'),
        signal: z
          .enum(['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGTERM', 'SIGINT'])
          .default('SIGHUP')
          .describe('The signal for that process.'),
      })
      .prefault({}),
    checks: z
      .strictObject({
        enabled: z
          .boolean()
          .default(false)
          .describe('Answer proxies of this node here, by the policies that the server streams.'),
        address: bindAddress.describe('A loopback address: the doors of an agent are for its own node.'),
        grpcPort: port(9_191).describe('The port of its gRPC door for proxies; 0 takes any free one.'),
        httpPort: port(9_192).describe('The port of its HTTP doors for proxies; 0 takes any free one.'),
        socket: filePath()
          .optional()
          .describe('A Unix socket for its gRPC door, instead of address and port.'),
        maxStale: duration('24h').describe(
          'How long it decides after the server was last heard; then it denies everything.',
        ),
      })
      .prefault({}),
    withUp: z.boolean().default(true).describe('Let `castellan up` run an agent beside the server.'),
  })
  .refine(({ bundleFile, rootFingerprint }) => bundleFile === undefined || rootFingerprint === undefined, {
    message: 'give a bundle file or a root fingerprint, not both',
    path: ['rootFingerprint'],
  })
  .refine(({ certificateFile, keyFile }) => (certificateFile === undefined) === (keyFile === undefined), {
    message: 'certificateFile and keyFile belong together',
    path: ['keyFile'],
  })
  .refine(
    ({ joinTokenFile, certificateFile, serviceAccountTokenFile }) =>
      [joinTokenFile, certificateFile, serviceAccountTokenFile].filter((one) => one !== undefined).length <=
      1,
    {
      message: 'give one of joinTokenFile, certificateFile and serviceAccountTokenFile',
      path: ['joinTokenFile'],
    },
  );
