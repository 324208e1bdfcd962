import type { IncomingMessage } from 'node:http';
import { type IpAddress, parseIp } from '../../base/ip.ts';
import type {
  Asker,
  CheckQuestion,
  DestinationClaim,
  SourceClaim,
} from '../../operations/check-request/index.ts';
import { contextKeys } from '../../operations/check-request/index.ts';
import { HeaderReader, type Lines } from '../../wire/header-reader.ts';
import { proxyTokenHeader } from '../../wire/proxy-token.ts';
import { isLoopback, plainAddress } from '../../wire/tls/loopback.ts';

/** Headers of the connection to us: no part of the request that is asked about. */
const hopHeaders: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  proxyTokenHeader,
]);

/** Says why a question cannot be read; the door never guesses. */
export class Unreadable extends Error {}

/** The header lines of a call at an HTTP door, each as it came. */
export class Forwarded {
  readonly #all: Lines;

  constructor(message: IncomingMessage) {
    const reader = new HeaderReader();
    const { rawHeaders } = message;
    for (let i = 0; i < rawHeaders.length; i += 2)
      reader.add(rawHeaders[i] as string, rawHeaders[i + 1] as string);
    if (reader.problem !== undefined) throw new Unreadable(reader.problem);
    this.#all = reader.lines;
    for (const name of this.#connectionNames())
      if (name.startsWith('x-') || name === 'authorization')
        throw new Unreadable(`the Connection header names ${name}`);
  }

  /** The one value of a header that the dialect needs. */
  required(name: string): string {
    const value = this.optional(name);
    if (value === undefined || value === '') throw new Unreadable(`the header ${name} is missing`);
    return value;
  }

  /** The one value, or none: two lines or a list say two things. */
  optional(name: string): string | undefined {
    const lines = this.#all.get(name);
    if (lines === undefined) return undefined;
    const [only = '', ...more] = lines;
    if (more.length > 0) throw new Unreadable(`the header ${name} comes twice`);
    return only.trim();
  }

  /** As `required`, for values in which a comma can only be a list of several. */
  single(name: string): string {
    const value = this.required(name);
    if (/[,\s]/.test(value)) throw new Unreadable(`the header ${name} holds several values`);
    return value;
  }

  lines(name: string): readonly string[] {
    return this.#all.get(name) ?? [];
  }

  /** What belongs to the request that is asked about. Called last: it takes the other lines away. */
  takeHeaders(names: ReadonlySet<string>): Lines {
    for (const name of hopHeaders) this.#all.delete(name);
    for (const name of names) this.#all.delete(name);
    return this.#all;
  }

  /** The address that the asking proxy itself put at the end of the list. */
  clientIp(name = 'x-forwarded-for'): IpAddress | undefined {
    const last = this.lines(name).at(-1)?.split(',').at(-1)?.trim();
    if (last === undefined || last === '') return undefined;
    const ip = parseIp(last.startsWith('[') ? last.slice(1, last.indexOf(']')) : last);
    if (ip === undefined) throw new Unreadable(`the last element of ${name} is no IP address`);
    return ip;
  }

  #connectionNames(): readonly string[] {
    return this.lines('connection').flatMap((line) =>
      line.split(',').map((name) => name.trim().toLowerCase()),
    );
  }
}

type Peer = Pick<Asker, 'kind' | 'address' | 'isLoopback'>;

const peers = new WeakMap<object, Peer>();

const gone: Peer = Object.freeze({ kind: 'plaintext', address: '', isLoopback: false });

/** The same for every request of a connection. */
function peerOf(socket: IncomingMessage['socket']): Peer {
  let peer = peers.get(socket);
  // One that is gone has no address, as a Unix one has none: it must not pass for that.
  if (peer === undefined && socket.destroyed) return gone;
  if (peer === undefined) {
    const address = plainAddress(socket.remoteAddress ?? '');
    const isUnix = socket.remoteAddress === undefined;
    const kind = isUnix ? 'unix' : 'encrypted' in socket ? 'tls' : 'plaintext';
    peer = { kind, address, isLoopback: isUnix || isLoopback(address) };
    peers.set(socket, peer);
  }
  return peer;
}

/** Who asks, as the socket and the proxy's own token show. */
export function askerOf({ socket, rawHeaders }: IncomingMessage, listener: string): Asker {
  const { kind, address, isLoopback: isLocal } = peerOf(socket);
  return {
    listener,
    kind,
    address,
    isLoopback: isLocal,
    token: proxyToken(rawHeaders),
  };
}

/** Two tokens are joined, and then are none that we know. */
function proxyToken(rawHeaders: readonly string[]): string | undefined {
  let token: string | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length !== proxyTokenHeader.length || name.toLowerCase() !== proxyTokenHeader) continue;
    const value = rawHeaders[i + 1] as string;
    token = token === undefined ? value : `${token}, ${value}`;
  }
  return token;
}

/** The client's certificate, in the header in which each kind of proxy writes it. */
export function certificateOf(forwarded: Forwarded): SourceClaim {
  const escaped = forwarded.optional('x-ssl-client-cert') ?? '';
  if (escaped !== '') return { certificate: escaped };
  const traefik = forwarded.optional('x-forwarded-tls-client-cert') ?? '';
  if (traefik === '') return {};
  const [leaf = ''] = decode(traefik).split(',');
  const body = leaf.replace(/.{64}(?=.)/g, '$&\n');
  return { certificate: `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n` };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Unreadable('a forwarded certificate is not percent-encoded text');
  }
}

/** `namespace/name` and a port, as the operator wrote them into the proxy's configuration. */
export function destinationOf(workload: string, port: string | undefined): DestinationClaim {
  if (!/^[a-z0-9][a-z0-9.-]*\/[a-z0-9][a-z0-9.-]*$/.test(workload))
    throw new Unreadable('the workload that is asked about is not namespace/name');
  if (port !== undefined && !(/^[1-9][0-9]{0,4}$/.test(port) && Number(port) <= 65_535))
    throw new Unreadable('the port is no number');
  return {
    port: port === undefined ? undefined : Number(port),
    extensions: new Map([[contextKeys.workload, workload]]),
  };
}

export type Heard = Omit<CheckQuestion, 'dialect' | 'asker' | 'keepsPath'>;

export const unreadableHttp = Object.freeze({ method: '', path: '', headers: new Map() });
