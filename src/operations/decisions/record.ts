import { parseIp } from '../../base/ip.ts';
import type {
  AuthzRequest,
  CustomResult,
  HeaderValue,
  JsonFields,
  TokenResult,
  WorkloadFacts,
} from '../../policy/index.ts';
import { SpiffeId } from '../../spiffe/index.ts';
import type { DecidedCheck } from '../check-request/index.ts';

/** A decision as it is kept: what was asked, as it was asked with secrets masked, and what came of it (D22). */
export interface DecisionRecord {
  readonly id: string;
  /** The agent that decided it, where it was not the server. */
  readonly node?: string | undefined;
  /** ISO 8601. */
  readonly at: string;
  readonly dialect: string;
  readonly decision: 'allow' | 'deny';
  readonly reason: string;
  readonly stage: string;
  readonly policyId?: string | undefined;
  readonly auditPolicyId?: string | undefined;
  readonly detail?: string | undefined;
  readonly status?: number | undefined;
  readonly wouldHave?: { readonly outcome: string; readonly policyId?: string | undefined } | undefined;
  readonly revision: string;
  readonly storeRevision: string;
  /** Who asked: the binding's name, and the identity or address of the proxy. */
  readonly proxy?: string | undefined;
  readonly asker: string;
  readonly foundBy?: string | undefined;
  readonly notes: readonly string[];
  readonly durationUs: number;
  readonly requestId?: string | undefined;
  readonly traceId?: string | undefined;
  /** How many decisions this record stands for. */
  readonly weight: number;
  /** What the decision may depend on. */
  readonly inputs: readonly string[];
  /** Inputs that are not in the record, e.g. `request.headers[authorization]`. */
  readonly masked: readonly string[];
  /** Absent for a question that never became a request about a workload. */
  readonly request?: RecordedRequest | undefined;
}

export interface RecordedRequest {
  readonly tls: AuthzRequest['connection']['tls'];
  readonly peer?: string | undefined;
  readonly peerProblem?: AuthzRequest['connection']['peerProblem'];
  readonly sni?: string | undefined;
  readonly sourceIp?: string | undefined;
  readonly remoteIp?: string | undefined;
  readonly destinationIp?: string | undefined;
  readonly destinationPort: number;
  readonly destination: {
    readonly namespace: string;
    readonly name?: string | undefined;
    readonly serviceAccount?: string | undefined;
    readonly labels: Readonly<Record<string, string>>;
    readonly ports: readonly (readonly [number, string])[];
    readonly proxy?: WorkloadFacts['proxy'];
    readonly gatewayName?: string | undefined;
  };
  readonly http?:
    | {
        readonly method: string;
        readonly path: string;
        readonly authority?: string | undefined;
        readonly scheme?: string | undefined;
        readonly headers: readonly (readonly [string, readonly string[]])[];
      }
    | undefined;
  readonly tokens?: readonly TokenResult[] | undefined;
  readonly custom?: readonly (readonly [string, CustomResult])[] | undefined;
  readonly metadata?: readonly (readonly [string, JsonFields])[] | undefined;
}

const secretHeaders: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'x-castellan-proxy-token',
]);
const secretParams = /([?&](?:access_token|token|api_key|password|secret|code)=)[^&]*/gi;
export const mask = '[masked]';

export function recordOf(check: DecidedCheck, weight: number): DecisionRecord {
  const { question, outcome, policy, at, durationMs } = check;
  const { decision, request } = outcome;
  const { asker, http } = question;
  const header = (name: string) => http?.headers.get(name)?.[0]?.slice(0, 200);
  const masked: string[] = [];
  const recorded = request === undefined ? undefined : recordRequest(request, masked);
  return {
    id: outcome.id,
    at: new Date(at).toISOString(),
    dialect: question.dialect,
    decision: decision.outcome,
    reason: decision.reason,
    stage: decision.stage,
    policyId: decision.policyId,
    auditPolicyId: decision.auditPolicyId,
    detail: decision.detail,
    status: decision.effects.response?.status,
    wouldHave: decision.wouldHave && {
      outcome: decision.wouldHave.outcome,
      policyId: decision.wouldHave.policyId,
    },
    revision: decision.revision,
    storeRevision: String(policy?.storeRevision ?? -1n),
    proxy: outcome.binding,
    asker: asker.identity?.uri ?? `${asker.kind} ${asker.address}`.trim(),
    foundBy: outcome.foundBy,
    notes: outcome.notes,
    durationUs: Math.round(durationMs * 1000),
    requestId: header('x-request-id'),
    traceId: traceIdOf(header('traceparent'), header('x-b3-traceid'), header('b3')),
    weight,
    inputs: decision.inputs,
    masked,
    request: recorded,
  };
}

/** A request as plain data; what was masked is added to the list. */
export function recordRequest(request: AuthzRequest, masked: string[]): RecordedRequest {
  const { connection, destination, http } = request;
  const { labels, ports, namespace, name, serviceAccount, proxy, gatewayName } = destination;
  return {
    tls: connection.tls,
    peer: connection.peer?.uri,
    peerProblem: connection.peerProblem,
    sni: connection.sni,
    sourceIp: connection.sourceIp?.text,
    remoteIp: connection.remoteIp?.text,
    destinationIp: connection.destinationIp?.text,
    destinationPort: connection.destinationPort,
    destination: {
      namespace,
      name,
      serviceAccount,
      labels: Object.fromEntries(labels),
      ports: [...(ports ?? [])],
      proxy,
      gatewayName,
    },
    http: http && {
      method: http.method,
      path: maskPath(http.path, masked),
      authority: http.authority,
      scheme: http.scheme,
      headers: [...http.headers].map(([header, lines]) => maskHeader(header, lines, masked)),
    },
    tokens: request.tokens?.map((token) => (token.ok ? { ...token, payload: undefined } : token)),
    custom:
      request.custom && [...request.custom].map(([name, result]) => [name, maskResult(result)] as const),
    metadata: request.dynamicMetadata && [...request.dynamicMetadata],
  };
}

function maskHeader(
  name: string,
  lines: readonly string[],
  masked: string[],
): readonly [string, readonly string[]] {
  if (!secretHeaders.has(name)) return [name, lines];
  masked.push(`request.headers[${name}]`);
  return [name, lines.map(() => mask)];
}

/** What a provider adds decides nothing, so nothing is missed where it is masked. */
function maskResult(result: CustomResult): CustomResult {
  const { setHeaders, responseHeaders, setParams } = result;
  const masked = (values: readonly HeaderValue[] | undefined, isSecret: (name: string) => boolean) =>
    values?.map(({ name, value }) => ({ name, value: isSecret(name) ? mask : value }));
  const isSecretHeader = (name: string) => secretHeaders.has(name.toLowerCase());
  return {
    ...result,
    setHeaders: masked(setHeaders, isSecretHeader),
    responseHeaders: masked(responseHeaders, isSecretHeader),
    setParams: masked(setParams, (name) => maskPath(`?${name}=`, []) !== `?${name}=`),
  };
}

function maskPath(path: string, masked: string[]): string {
  const safe = path.replace(secretParams, `$1${mask}`);
  if (safe !== path) masked.push('request.query');
  return safe;
}

/** W3C first, then B3 in both its forms. */
function traceIdOf(...[traceparent, b3Id, b3]: readonly (string | undefined)[]): string | undefined {
  const id = traceparent?.split('-')[1] ?? b3Id ?? b3?.split('-')[0];
  return id !== undefined && /^[0-9a-f]{16,32}$/.test(id) ? id : undefined;
}

/** The request of a record, to be decided again. Masked values stay masked. */
export function requestOf(recorded: RecordedRequest): AuthzRequest {
  const { destination, http } = recorded;
  const ip = (text: string | undefined) => (text === undefined ? undefined : parseIp(text));
  return {
    connection: {
      tls: recorded.tls,
      peer: recorded.peer === undefined ? undefined : SpiffeId.parse(recorded.peer),
      peerProblem: recorded.peerProblem,
      sni: recorded.sni,
      sourceIp: ip(recorded.sourceIp),
      remoteIp: ip(recorded.remoteIp),
      destinationIp: ip(recorded.destinationIp),
      destinationPort: recorded.destinationPort,
    },
    destination: {
      ...destination,
      labels: new Map(Object.entries(destination.labels)),
      ports: new Map(destination.ports) as WorkloadFacts['ports'],
    },
    http: http && { ...http, headers: new Map(http.headers) },
    tokens: recorded.tokens,
    custom: recorded.custom && new Map(recorded.custom),
    dynamicMetadata: recorded.metadata && new Map(recorded.metadata),
  };
}
