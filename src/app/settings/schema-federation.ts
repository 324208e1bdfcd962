import { z } from 'zod';
import { bindAddress, filePath, port } from './field-types.ts';

const reader = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{0,252}$/, 'not a name of lower-case letters, digits, dots and dashes')
    .describe('The name under which a rotation waits for it, best its trust domain.'),
  tokenFile: filePath().describe(
    'A file (mode 0600 or stricter) with the secret at the end of its URL, `/readers/<secret>`: letters, digits, `-` and `_`, at least 22.',
  ),
});

/** The bundle of our trust domain, for others. */
export const bundleEndpoint = z
  .strictObject({
    enabled: z.boolean().default(false).describe('Serve the trust bundle to other trust domains (https).'),
    address: bindAddress.describe('The address of the bundle endpoint.'),
    port: port(8_443).describe('The port of the bundle endpoint; 0 takes any free one.'),
    certificateFile: filePath()
      .optional()
      .describe(
        'The certificate chain (PEM) that it shows, for readers with the profile `https_web`. Without, it shows the certificate of our own doors, for the profile `https_spiffe`.',
      ),
    keyFile: filePath()
      .optional()
      .describe('The private key (PEM, mode 0600 or stricter) of that certificate.'),
    readers: z
      .array(reader)
      .max(1_024)
      .default([])
      .describe('Readers with a URL of their own: no root signs before they have fetched it.'),
  })
  .refine(({ certificateFile, keyFile }) => (certificateFile === undefined) === (keyFile === undefined), {
    message: 'a certificate and its key come together',
    path: ['keyFile'],
  });
