import type { PortProtocol } from '../../policy/index.ts';

const httpProtocols: ReadonlySet<string> = new Set(['http', 'http2', 'grpc', 'grpc-web', 'http_proxy']);
const tcpProtocols: ReadonlySet<string> = new Set(['tcp', 'tls', 'https', 'mongo', 'mysql', 'redis', 'udp']);

/** What a Service or ServiceEntry declares: `HTTP`, `grpc`, `TCP` … */
export function protocolOf(text: string): PortProtocol {
  const word = text.toLowerCase();
  if (httpProtocols.has(word)) return 'http';
  return tcpProtocols.has(word) ? 'tcp' : 'auto';
}

/** Istio's convention: `<protocol>` or `<protocol>-<suffix>`. */
export function protocolOfName(name: string): PortProtocol {
  if (name === 'grpc-web' || name.startsWith('grpc-web-')) return 'http';
  const dash = name.indexOf('-');
  return protocolOf(dash === -1 ? name : name.slice(0, dash));
}
