import { parseIp } from '../base/ip.ts';
import { clientErrors } from './errors.ts';

/** The environment variable every SPIFFE client reads (SPIFFE Workload Endpoint §4). */
export const endpointVariable = 'SPIFFE_ENDPOINT_SOCKET';

/**
 * The address of a Workload API as a gRPC target. Takes `unix:///absolute/path` (or `unix:/absolute/path`) and
 * `tcp://IP:PORT`, nothing else (E-07, E-08). Throws WORKLOAD_ENDPOINT_UNKNOWN, WORKLOAD_ENDPOINT_MALFORMED.
 */
export function workloadEndpoint(given: string | undefined, environment = process.env): string {
  const text = given ?? environment[endpointVariable];
  if (text === undefined || text === '') throw clientErrors.WORKLOAD_ENDPOINT_UNKNOWN();
  const [, scheme = '', rest = ''] = /^([a-z]+):(.*)$/s.exec(text) ?? [];
  if (scheme === 'unix') return unixTarget(rest, text);
  if (scheme === 'tcp') return tcpTarget(rest, text);
  throw malformed(text, 'its scheme is neither unix nor tcp');
}

function unixTarget(rest: string, text: string): string {
  const path = rest.startsWith('///') ? rest.slice(2) : rest;
  if (!path.startsWith('/')) throw malformed(text, 'its path is not absolute');
  if (path.startsWith('//')) throw malformed(text, 'it has an authority');
  if (/[?#\0]/.test(path)) throw malformed(text, 'it has more than a path');
  return `unix:${path}`;
}

function tcpTarget(rest: string, text: string): string {
  const [, bracketed, plain, port = ''] =
    /^\/\/(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})$/.exec(rest) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || parseIp(host) === undefined)
    throw malformed(text, 'it is not an IP address and a port');
  if (Number(port) < 1 || Number(port) > 65_535) throw malformed(text, 'its port is out of range');
  return bracketed === undefined ? `ipv4:${host}:${port}` : `ipv6:[${host}]:${port}`;
}

function malformed(text: string, problem: string): Error {
  return clientErrors.WORKLOAD_ENDPOINT_MALFORMED({
    message: `not the address of a Workload API: \`${text.slice(0, 200)}\` (${problem})`,
  });
}
