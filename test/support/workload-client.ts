import {
  JWTBundlesRequestSchema,
  JWTBundlesResponseSchema,
  JWTSVIDRequestSchema,
  JWTSVIDResponseSchema,
  ValidateJWTSVIDRequestSchema,
  ValidateJWTSVIDResponseSchema,
  WITBundlesRequestSchema,
  WITBundlesResponseSchema,
  WITSVIDRequestSchema,
  WITSVIDResponseSchema,
  X509BundlesRequestSchema,
  X509BundlesResponseSchema,
  X509SVIDRequestSchema,
  X509SVIDResponseSchema,
} from '../../src/wire/gen/spiffe/workload/workloadapi_pb.js';
import { type Certificate, parseCertificate } from '../../src/x509/index.ts';
import type { SocketClient } from './agent.ts';

const service = '/SpiffeWorkloadAPI';
type Headers = Readonly<Record<string, string | readonly string[]>>;

/** The seven calls of the Workload API, as any client makes them. */
export const workloadApi = {
  x509: (client: SocketClient, headers?: Headers) =>
    client.stream(`${service}/FetchX509SVID`, [X509SVIDRequestSchema, X509SVIDResponseSchema], headers),
  x509Bundles: (client: SocketClient, headers?: Headers) =>
    client.stream(
      `${service}/FetchX509Bundles`,
      [X509BundlesRequestSchema, X509BundlesResponseSchema],
      headers,
    ),
  jwtBundles: (client: SocketClient, headers?: Headers) =>
    client.stream(`${service}/FetchJWTBundles`, [JWTBundlesRequestSchema, JWTBundlesResponseSchema], headers),
  jwt: (client: SocketClient, audience: string[], spiffeId = '', headers?: Headers) =>
    client.unary(
      `${service}/FetchJWTSVID`,
      [JWTSVIDRequestSchema, JWTSVIDResponseSchema],
      { audience, spiffeId },
      headers,
    ),
  validate: (client: SocketClient, audience: string, svid: string, headers?: Headers) =>
    client.unary(
      `${service}/ValidateJWTSVID`,
      [ValidateJWTSVIDRequestSchema, ValidateJWTSVIDResponseSchema],
      { audience, svid },
      headers,
    ),
  wit: (client: SocketClient) =>
    client.stream(`${service}/FetchWITSVID`, [WITSVIDRequestSchema, WITSVIDResponseSchema]),
  witBundles: (client: SocketClient) =>
    client.stream(`${service}/FetchWITBundles`, [WITBundlesRequestSchema, WITBundlesResponseSchema]),
};

/** Certificates one after another, nothing between them and nothing left. */
export function splitDer(bytes: Uint8Array): Certificate[] {
  const found: Certificate[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes[at] !== 0x30 || bytes[at + 1] !== 0x82) throw new Error(`no certificate at ${at}`);
    const length = 4 + ((bytes[at + 2] as number) << 8) + (bytes[at + 3] as number);
    found.push(parseCertificate(bytes.slice(at, at + length)));
    at += length;
  }
  return found;
}
