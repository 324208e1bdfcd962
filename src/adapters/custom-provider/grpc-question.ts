import type { MessageInitShape } from '@bufbuild/protobuf';
import type { IpAddress } from '../../base/ip.ts';
import type { ProviderBody, ProviderCall } from '../../operations/check-request/index.ts';
import type { AuthzRequest, HttpFacts } from '../../policy/index.ts';
import type { AddressSchema } from '../../wire/gen/envoy/config/core/v3/address_pb.js';
import type { CheckRequestSchema } from '../../wire/gen/envoy/service/auth/v3/external_auth_pb.js';
import { partialBodyHeader } from './place.ts';

/** What Envoy would send of the request (proxies.md §1.2): the peer as it was proven, never as it was claimed. */
export function writeCheckRequest(
  request: AuthzRequest,
  { body, certificate = '' }: Omit<ProviderCall, 'signal'>,
): MessageInitShape<typeof CheckRequestSchema> {
  const { connection, destination, http } = request;
  return {
    attributes: {
      source: {
        address: writeAddress(connection.remoteIp ?? connection.sourceIp, 0),
        principal: connection.peer?.uri ?? '',
        certificate,
      },
      destination: {
        address: writeAddress(connection.destinationIp, connection.destinationPort),
        labels: Object.fromEntries(destination.labels),
      },
      ...(http === undefined ? {} : { request: { http: writeHttp(http, body) } }),
      ...(connection.tls === 'none' ? {} : { tlsSession: { sni: connection.sni ?? '' } }),
      contextExtensions: { namespace: destination.namespace, workload: destination.name ?? '' },
    },
  };
}

function writeHttp(
  { method, path, authority = '', scheme = '', headers }: HttpFacts,
  body: ProviderBody | undefined,
) {
  const pseudo = { ':method': method, ':path': path, ':authority': authority, ':scheme': scheme };
  const plain = [...headers]
    .filter(([name]) => name !== partialBodyHeader)
    .map(([name, lines]) => [name, lines.join(',')] as const);
  const all = { ...pseudo, ...Object.fromEntries(plain) };
  const line = { method, path, host: authority, scheme };
  if (body === undefined) return { ...line, headers: all };
  return {
    ...line,
    headers: { ...all, [partialBodyHeader]: String(body.isPartial) },
    ...(body.isPacked ? { rawBody: body.bytes } : { body: new TextDecoder().decode(body.bytes) }),
  };
}

function writeAddress(
  ip: IpAddress | undefined,
  port: number,
): MessageInitShape<typeof AddressSchema> | undefined {
  if (ip === undefined) return undefined;
  const value = { address: ip.text, portSpecifier: { case: 'portValue' as const, value: port } };
  return { address: { case: 'socketAddress', value } };
}
