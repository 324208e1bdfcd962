import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { type IpAddress, parseIp } from '../../base/ip.ts';
import type { Destination, PolicyFiles } from '../../operations/policy-files/index.ts';
import type {
  AuthzRequest,
  ConnectionFacts,
  CustomResult,
  HttpFacts,
  JsonData,
  JsonFields,
  TokenFault,
  TokenResult,
} from '../../policy/index.ts';
import { SpiffeId } from '../../spiffe/index.ts';
import { choiceOf, spiffeIdOf } from '../frame/arguments.ts';
import { cliErrors } from '../frame/errors.ts';
import type { Io } from '../frame/io.ts';
import { usageError } from '../frame/usage.ts';
import { collect, type PolicyFileOptions } from './open.ts';

/** The flags that describe a request to be explained. */
export interface RequestOptions extends PolicyFileOptions {
  readonly from?: string;
  readonly to?: string;
  readonly host?: string;
  readonly header: readonly string[];
  readonly jwtClaims?: string;
  readonly jwtFault?: string;
  readonly ip?: string;
  readonly remoteIp?: string;
  readonly sni?: string;
  readonly plaintext?: boolean;
  readonly labels?: string;
  readonly custom: readonly string[];
}

export interface AskedRequest {
  readonly request: AuthzRequest;
  readonly destination: Destination;
}

const faults = [
  'malformed',
  'bad-signature',
  'no-matching-key',
  'keys-unavailable',
  'expired',
  'not-yet-valid',
] as const satisfies readonly TokenFault[];

export function declareRequestFlags(command: Command): void {
  command
    .option('--from <id>', 'who asks: a SPIFFE ID, NAMESPACE/ACCOUNT, a workload of the files, or none')
    .option('--to <workload>', 'NAME[:PORT], NAME.NAMESPACE or NAMESPACE/NAME; a Service may stand for it')
    .option('--header <line>', 'a header, as `name: value`; may be repeated', collect, [])
    .option('--host <host>', 'the Host; default: the name a client in the mesh would use')
    .option('--jwt-claims <json>', 'claims of a good bearer token: JSON, or @FILE')
    .addOption(new Option('--jwt-fault <fault>', 'the token is bad instead').choices(faults))
    .option('--ip <address>', "the direct peer's address (ipBlocks)")
    .option('--remote-ip <address>', 'the address of the client behind proxies (remoteIpBlocks)')
    .option('--sni <name>', 'the name asked for in TLS')
    .option('--plaintext', 'the connection is plaintext, so no identity is shown')
    .option('--labels <k=v,…>', 'labels of a destination that no file tells of')
    .option(
      '--custom <provider=answer>',
      'what a CUSTOM provider says: allow, deny, unavailable',
      collect,
      [],
    )
    .option('--strict', 'decide as strict mode does')
    .option('-n, --namespace <name>', 'the namespace of names and documents that have none');
}

/** Builds the request that the words describe; `call` is METHOD and PATH, or nothing for a plain connection. */
export function readAskedRequest(
  io: Io,
  files: PolicyFiles,
  call: readonly string[],
  options: RequestOptions,
): AskedRequest {
  if (options.to === undefined)
    throw usageError('which workload is called is not said', 'add --to WORKLOAD:PORT');
  if (options.from === undefined)
    throw usageError('who calls is not said', 'add --from SPIFFE-ID, or --from none');
  const labels = options.labels === undefined ? undefined : readLabels(options.labels);
  const found = files.workloads.destination(options.to, {
    namespace: options.namespace,
    ...(labels === undefined ? {} : { labels }),
  });
  if (!found.ok) throw usageError(found.problem, found.next);
  const destination = found.found;
  const tokens = readTokens(io, options);
  const http = readHttp(call, destination, options, tokens.length > 0);
  return {
    destination,
    request: {
      connection: readConnection(files, destination, options),
      destination: destination.workload,
      ...(http === undefined ? {} : { http }),
      tokens,
      custom: readCustom(options.custom),
    },
  };
}

function readConnection(files: PolicyFiles, { port }: Destination, options: RequestOptions): ConnectionFacts {
  const peer = readPeer(files, options);
  const remoteIp = readIp('--remote-ip', options.remoteIp);
  const isMutual = peer !== undefined && options.plaintext !== true;
  return {
    tls: isMutual ? 'mutual' : 'none',
    peer: isMutual ? peer : undefined,
    ...(options.sni === undefined ? {} : { sni: options.sni }),
    sourceIp: readIp('--ip', options.ip),
    ...(remoteIp === undefined ? {} : { remoteIp }),
    destinationPort: port,
  };
}

function readPeer({ workloads, snapshot }: PolicyFiles, options: RequestOptions): SpiffeId | undefined {
  const text = options.from ?? 'none';
  if (text === 'none') return undefined;
  const { trustDomain } = snapshot.settings;
  const short = /^([a-z0-9-]+)\/([a-z0-9.-]+)$/.exec(text);
  if (short !== null) return spiffeIdOf(`spiffe://${trustDomain}/ns/${short[1]}/sa/${short[2]}`);
  if (text.includes('/')) {
    const id = SpiffeId.tryParse(text.startsWith('spiffe://') ? text : `spiffe://${text}`);
    if (id === undefined) throw usageError(`\`--from ${text}\` is not a SPIFFE ID`, fromHelp);
    return id;
  }
  const found = workloads.find(text, options.namespace);
  if (!found.ok) throw usageError(`\`--from ${text}\`: ${found.problem}`, fromHelp);
  const { namespace, serviceAccount = 'default' } = found.found.facts;
  return spiffeIdOf(`spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`);
}

const fromHelp = 'write spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT, NAMESPACE/ACCOUNT, or none';

function readHttp(
  call: readonly string[],
  destination: Destination,
  options: RequestOptions,
  hasToken: boolean,
): HttpFacts | undefined {
  const [method, path, ...more] = call;
  if (method === undefined) {
    if (options.header.length > 0 || hasToken)
      throw usageError('headers and tokens need a request', 'add METHOD and PATH, e.g. GET /items');
    return undefined;
  }
  if (path === undefined || more.length > 0)
    throw usageError('a request is METHOD and PATH', 'e.g. GET /items; quote a path with ? or *');
  const headers = readHeaders(options.header);
  if (hasToken) headers.set('authorization', [...(headers.get('authorization') ?? []), 'Bearer token']);
  return { method, path, authority: options.host ?? destination.host, headers };
}

function readHeaders(lines: readonly string[]): Map<string, readonly string[]> {
  const headers = new Map<string, readonly string[]>();
  for (const line of lines) {
    const colon = line.indexOf(':', 1);
    if (colon === -1) throw usageError(`\`--header ${line}\` is not a header line`, "--header 'name: value'");
    const name = line.slice(0, colon).trim().toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()]);
  }
  return headers;
}

function readTokens(io: Io, { jwtClaims, jwtFault }: RequestOptions): readonly TokenResult[] {
  const place = { in: 'header', name: 'authorization', prefix: 'Bearer ' } as const;
  if (jwtFault !== undefined) return [{ ok: false, place, fault: choiceOf('--jwt-fault', jwtFault, faults) }];
  if (jwtClaims === undefined) return [];
  return [{ ok: true, place, claims: readClaims(io, jwtClaims), payload: 'e30' }];
}

function readClaims(io: Io, text: string): JsonFields {
  const json = text.startsWith('@') ? readText(io, text.slice(1)) : text;
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return bare(value) as JsonFields;
  } catch {
    // Said below.
  }
  throw usageError('`--jwt-claims` is not a JSON object', `--jwt-claims '{"iss": "…", "sub": "…"}'`);
}

function readText(io: Io, path: string): string {
  try {
    return readFileSync(resolve(io.cwd, path), 'utf8');
  } catch (cause) {
    throw cliErrors.INPUT_UNREADABLE({ message: `\`${path}\` cannot be read`, cause });
  }
}

/** As the token reader gives it: without prototypes, so that no claim's name can reach one. */
function bare(value: unknown): JsonData {
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value !== 'object' || value === null) return value as JsonData;
  const out = Object.create(null) as Record<string, JsonData>;
  for (const [name, item] of Object.entries(value)) out[name] = bare(item);
  return out;
}

function readIp(flag: string, text: string | undefined): IpAddress | undefined {
  if (text === undefined) return undefined;
  const ip = parseIp(text);
  if (ip === undefined) throw usageError(`\`${flag} ${text}\` is not an IP address`);
  return ip;
}

function readLabels(text: string): ReadonlyMap<string, string> {
  const pairs = text.split(',').map((pair) => pair.split('='));
  if (pairs.some((pair) => pair.length !== 2 || pair[0] === ''))
    throw usageError(`\`--labels ${text}\` is not a list of labels`, '--labels app=cart,version=v1');
  return new Map(pairs as [string, string][]);
}

function readCustom(texts: readonly string[]): ReadonlyMap<string, CustomResult> {
  return new Map(
    texts.map((text) => {
      const equals = text.lastIndexOf('=');
      const outcome = choiceOf('--custom', text.slice(equals + 1), ['allow', 'deny', 'unavailable'] as const);
      if (equals < 1) throw usageError(`\`--custom ${text}\` names no provider`, '--custom PROVIDER=allow');
      return [text.slice(0, equals), { outcome }] as const;
    }),
  );
}
