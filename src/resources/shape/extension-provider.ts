import type { ExtensionProvider } from '../kinds/mesh-config.ts';
import type { PositionedNode } from '../read/node.ts';
import { type CheckText, Fields, noLabels, noTexts } from './fields.ts';
import { otherProviders } from './mesh-fields.ts';
import { isDnsLabel } from './metadata.ts';
import { quoted, type Report } from './report.ts';
import { readDuration } from './scalars.ts';
import { portRange } from './workload-entry.ts';

export interface NamedProvider {
  readonly name: string;
  readonly node: PositionedNode;
  /** Undefined for a provider that authorizes nothing, such as tracing. */
  readonly provider: ExtensionProvider | undefined;
}

const common = [
  'service',
  'port',
  'timeout',
  'failOpen',
  'clearRouteCache',
  'statusOnError',
  'includeRequestBodyInCheck',
];
const httpFields = [
  ...common,
  'pathPrefix',
  'includeHeadersInCheck',
  'includeRequestHeadersInCheck',
  'includeAdditionalHeadersInCheck',
  'headersToUpstreamOnAllow',
  'headersToDownstreamOnDeny',
  'headersToDownstreamOnAllow',
];

/** policy.md 3.12. */
export function readProvider(node: PositionedNode, report: Report): NamedProvider | undefined {
  const known = ['name', 'envoyExtAuthzHttp', 'envoyExtAuthzGrpc', ...otherProviders];
  const fields = Fields.of(node, known, report);
  if (fields === undefined) return undefined;
  const name = fields.requiredText('name', checkName) ?? '';
  const sorts = known.slice(1).filter((sort) => fields.node.get(sort) !== undefined);
  if (sorts.length !== 1)
    report.add(
      'CAS0910',
      node,
      `the provider ${quoted(name)} must be of exactly one sort, and has ${sorts.length}`,
    );
  const http = fields.object('envoyExtAuthzHttp', (inner) =>
    readService(inner, { name, protocol: 'http' }, report),
  );
  const grpc = fields.object('envoyExtAuthzGrpc', (inner) =>
    readService(inner, { name, protocol: 'grpc' }, report),
  );
  return { name, node, provider: http ?? grpc };
}

function readService(
  node: PositionedNode,
  named: Pick<ExtensionProvider, 'name' | 'protocol'>,
  report: Report,
): ExtensionProvider | undefined {
  const isHttp = named.protocol === 'http';
  const fields = Fields.of(node, isHttp ? httpFields : common, report);
  if (fields === undefined) return undefined;
  const service = fields.requiredText('service') ?? '';
  if (!fields.has('port')) fields.missing('port');
  return Object.freeze({
    ...named,
    service,
    port: fields.integer('port', portRange) ?? 0,
    timeoutMs: fields.object('timeout', readDuration),
    failOpen: fields.flag('failOpen') ?? false,
    clearRouteCache: fields.flag('clearRouteCache') ?? false,
    statusOnError: fields.object('statusOnError', readStatus) ?? 403,
    includeRequestBody: fields.object('includeRequestBodyInCheck', readBody),
    pathPrefix: isHttp ? fields.text('pathPrefix', checkPathPrefix) || undefined : undefined,
    includeRequestHeadersInCheck: isHttp
      ? [...headers(fields, 'includeRequestHeadersInCheck'), ...headers(fields, 'includeHeadersInCheck')]
      : noTexts,
    includeAdditionalHeadersInCheck: isHttp ? fields.textMap('includeAdditionalHeadersInCheck') : noLabels,
    headersToUpstreamOnAllow: isHttp ? headers(fields, 'headersToUpstreamOnAllow') : noTexts,
    headersToDownstreamOnDeny: isHttp ? headers(fields, 'headersToDownstreamOnDeny') : noTexts,
    headersToDownstreamOnAllow: isHttp ? headers(fields, 'headersToDownstreamOnAllow') : noTexts,
  });
}

function headers(fields: Fields, name: string): readonly string[] {
  return fields.texts(name, (value, node, report) => {
    if (value === '' || value === '*')
      report.add('CAS0916', node, `${quoted(value)} is not a header name or pattern`);
  });
}

/** Istio writes the status as text. */
function readStatus(node: PositionedNode, report: Report): number | undefined {
  const text = node.kind === 'scalar' ? node.text : '';
  const status = /^[1-5][0-9][0-9]$/.test(text) ? Number(text) : undefined;
  if (status === undefined) report.add('CAS0916', node, `${quoted(text)} is not an HTTP status`);
  return status;
}

function readBody(node: PositionedNode, report: Report): ExtensionProvider['includeRequestBody'] {
  const fields = Fields.of(node, ['maxRequestBytes', 'allowPartialMessage', 'packAsBytes'], report);
  return (
    fields && {
      maxRequestBytes: fields.integer('maxRequestBytes', { min: 0, max: 4_294_967_295 }) ?? 0,
      allowPartialMessage: fields.flag('allowPartialMessage') ?? false,
      packAsBytes: fields.flag('packAsBytes') ?? false,
    }
  );
}

const checkName: CheckText = (value, node, report) => {
  if (!isDnsLabel(value))
    report.add(
      'CAS0916',
      node,
      `${quoted(value)} is not a provider's name: lower case letters, digits and \`-\`, at most 63`,
    );
};

const checkPathPrefix: CheckText = (value, node, report) => {
  if (value !== '' && !value.startsWith('/'))
    report.add('CAS0916', node, `the path prefix ${quoted(value)} must begin with \`/\``);
};
