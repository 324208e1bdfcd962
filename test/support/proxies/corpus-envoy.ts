import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { AuthzRequest } from '../../../src/policy/index.ts';
import type { PeerCredentials } from './vector-peers.ts';

const http2 = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http2_protocol_options: {} },
  },
};

function cluster(name: string, port: number, more: object = {}) {
  const address = { socket_address: { address: '127.0.0.1', port_value: port } };
  return {
    name,
    connect_timeout: '1s',
    ...more,
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
  };
}

const grpcService = { envoy_grpc: { cluster_name: 'castellan' }, timeout: '10s' };
const asking = {
  transport_api_version: 'V3',
  grpc_service: grpcService,
  include_peer_certificate: true,
  include_tls_session: true,
};

const httpFilters = [
  {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type':
        'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
      stat_prefix: 'corpus',
      use_remote_address: true,
      skip_xff_append: true,
      generate_request_id: false,
      // The corpus says what path is asked about, so the proxy leaves it alone.
      normalize_path: false,
      merge_slashes: false,
      path_with_escaped_slashes_action: 'KEEP_UNCHANGED',
      route_config: {
        virtual_hosts: [
          {
            name: 'all',
            domains: ['*'],
            routes: [
              { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'hello' } } },
            ],
          },
        ],
      },
      http_filters: [
        {
          name: 'envoy.filters.http.ext_authz',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz',
            ...asking,
            encode_raw_headers: true,
            status_on_error: { code: 'InternalServerError' },
          },
        },
        {
          name: 'envoy.filters.http.router',
          typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
        },
      ],
    },
  },
];

const tcpFilters = [
  {
    name: 'envoy.filters.network.ext_authz',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.ext_authz.v3.ExtAuthz',
      stat_prefix: 'corpus',
      ...asking,
    },
  },
  {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
      stat_prefix: 'corpus',
      cluster: 'backend',
      upstream_connect_mode: 'ON_DOWNSTREAM_DATA',
      max_early_data_bytes: 1024,
    },
  },
];

/** With TLS and without; a certificate that TLS would refuse is shown to Castellan, which has to refuse it. */
function listener(name: string, port: number, filters: readonly object[]) {
  const tls = {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
      require_client_certificate: false,
      common_tls_context: {
        tls_certificates: [
          { certificate_chain: { filename: 'server.pem' }, private_key: { filename: 'server.key' } },
        ],
        validation_context: {
          trusted_ca: { filename: 'server.pem' },
          trust_chain_verification: 'ACCEPT_UNTRUSTED',
        },
      },
    },
  };
  return {
    name,
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    listener_filters: [
      {
        name: 'envoy.filters.listener.proxy_protocol',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol',
        },
      },
      {
        name: 'envoy.filters.listener.tls_inspector',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
        },
      },
    ],
    filter_chains: [
      { filter_chain_match: { transport_protocol: 'tls' }, transport_socket: tls, filters },
      { filter_chain_match: { transport_protocol: 'raw_buffer' }, filters },
    ],
  };
}

export function corpusEnvoyConfig(ports: {
  readonly http: number;
  readonly tcp: number;
  readonly castellan: number;
  readonly backend: number;
}): string {
  return JSON.stringify({
    static_resources: {
      listeners: [listener('http', ports.http, httpFilters), listener('tcp', ports.tcp, tcpFilters)],
      clusters: [
        cluster('castellan', ports.castellan, { typed_extension_protocol_options: http2 }),
        cluster('backend', ports.backend),
      ],
    },
  });
}

/** What a client sees: everything that came back before the connection closed. */
export async function throughEnvoy(
  ports: { readonly http: number; readonly tcp: number },
  { connection, http }: AuthzRequest,
  credentials: PeerCredentials | undefined,
): Promise<string> {
  const { sourceIp, destinationIp, destinationPort, tls, sni } = connection;
  const socket = connect(http === undefined ? ports.tcp : ports.http, '127.0.0.1');
  const family = sourceIp?.version === 6 ? 'TCP6' : 'TCP4';
  socket.write(`PROXY ${family} ${sourceIp?.text} ${destinationIp?.text} 41000 ${destinationPort}\r\n`);
  const options = { socket, rejectUnauthorized: false, ...credentials, ...(sni ? { servername: sni } : {}) };
  const client: Socket = tls === 'none' ? socket : connectTls(options);
  client.write(http === undefined ? 'anyone?' : requestText(http));
  return await new Promise((resolve) => {
    let text = '';
    client.on('data', (part) => (text += part.toString('latin1')));
    client.on('error', () => undefined);
    client.on('close', () => resolve(text));
    socket.on('error', () => undefined);
    client.setTimeout(30_000, () => client.destroy());
  });
}

function requestText({ method, path, authority, headers }: NonNullable<AuthzRequest['http']>): string {
  const lines = [`${method} ${path} HTTP/1.1`];
  if (authority !== undefined) lines.push(`Host: ${authority}`);
  for (const [name, values] of headers) for (const value of values) lines.push(`${name}: ${value}`);
  return `${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`;
}
