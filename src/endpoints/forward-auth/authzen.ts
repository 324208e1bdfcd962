import { parseIp } from '../../base/ip.ts';
import type { CheckOutcome } from '../../operations/check-request/index.ts';
import { HeaderReader } from '../../wire/header-reader.ts';
import { destinationOf, type Heard, Unreadable } from './forwarded.ts';

/** AuthZEN 1.0: subject, action, resource and context as a request about a workload. */
export interface Evaluation {
  readonly subject?: { readonly type?: string; readonly id?: string };
  readonly action?: { readonly name?: string; readonly properties?: Readonly<Record<string, unknown>> };
  readonly resource?: {
    readonly type?: string;
    readonly id?: string;
    readonly properties?: Readonly<Record<string, unknown>>;
  };
  readonly context?: Readonly<Record<string, unknown>>;
}

export interface Evaluations extends Evaluation {
  readonly evaluations?: readonly Evaluation[];
  readonly options?: { readonly evaluations_semantic?: string };
}

export const mostEvaluations = 50;

/** An identity here is a proxy's claim (D21): it counts with its certificate, or from a proxy that is trusted to tell. */
export function readEvaluation({ subject, action, resource, context = {} }: Evaluation): Heard {
  if (subject?.type !== 'spiffe' || typeof subject.id !== 'string')
    throw new Unreadable('the subject is not of type spiffe with an id');
  if (resource?.type !== 'workload' || typeof resource.id !== 'string')
    throw new Unreadable('the resource is not of type workload with an id namespace/name');
  if (typeof action?.name !== 'string') throw new Unreadable('the action has no name');
  const { host, port } = resource.properties ?? {};
  if (port !== undefined && typeof port !== 'number' && typeof port !== 'string')
    throw new Unreadable('resource.properties.port is no number');
  const destination = destinationOf(resource.id, port === undefined ? undefined : String(port));
  const { certificate, sourceIp, sni } = context;
  const source = {
    principal: subject.id,
    certificate: optionalText(certificate, 'context.certificate'),
    ip: readIp(sourceIp),
  };
  const read = { source, destination, isTls: subject.id !== '', sni: optionalText(sni, 'context.sni') };
  const path = action.properties?.path;
  if (path === undefined) return read;
  return {
    ...read,
    http: {
      method: action.name,
      path: optionalText(path, 'action.properties.path') ?? '',
      authority: optionalText(host, 'resource.properties.host'),
      scheme: optionalText(context.scheme, 'context.scheme'),
      headers: readHeaders(context),
    },
  };
}

function optionalText(value: unknown, name: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw new Unreadable(`${name} is not text`);
  return value;
}

function readIp(value: unknown) {
  const text = optionalText(value, 'context.sourceIp');
  if (text === undefined) return undefined;
  const ip = parseIp(text);
  if (ip === undefined) throw new Unreadable('context.sourceIp is no IP address');
  return ip;
}

function readHeaders({ headers, token }: Readonly<Record<string, unknown>>) {
  const reader = new HeaderReader();
  if (headers !== undefined && (typeof headers !== 'object' || headers === null || Array.isArray(headers)))
    throw new Unreadable('context.headers is not an object');
  for (const [name, value] of Object.entries(headers ?? {}))
    for (const line of Array.isArray(value) ? value : [value])
      reader.add(name, optionalText(line, 'a header') ?? '');
  const bearer = optionalText(token, 'context.token');
  if (bearer !== undefined) reader.add('authorization', `Bearer ${bearer}`);
  if (reader.problem !== undefined) throw new Unreadable(reader.problem);
  return reader.lines;
}

export function evaluationAnswer({ id, decision }: CheckOutcome) {
  const { outcome, reason, policyId } = decision;
  return {
    decision: outcome === 'allow',
    context: { id, reason, ...(policyId === undefined ? {} : { policy_id: policyId }) },
  };
}
