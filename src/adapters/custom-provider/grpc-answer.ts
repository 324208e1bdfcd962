import type { AuthzRequest, CustomResult, HeaderValue } from '../../policy/index.ts';
import {
  HeaderValueOption_HeaderAppendAction as AppendAction,
  type HeaderValueOption,
} from '../../wire/gen/envoy/config/core/v3/base_pb.js';
import type { CheckResponse } from '../../wire/gen/envoy/service/auth/v3/external_auth_pb.js';
import { mayChange } from './allowed-headers.ts';
import { customProviderErrors } from './errors.ts';

/** Envoy reads an answer without a status as yes; we do not. */
export function readGrpcAnswer(response: CheckResponse, { http }: AuthzRequest): CustomResult {
  const { status, httpResponse } = response;
  if (status === undefined) throw refused('it has no status');
  if (httpResponse.case === 'errorResponse') return { outcome: 'unavailable' };
  if (status.code !== 0) return readDenial(response);
  if (httpResponse.case !== 'okResponse') return { outcome: 'allow' };
  const { headers, headersToRemove, queryParametersToSet, queryParametersToRemove } = httpResponse.value;
  for (const { key, value } of queryParametersToSet)
    if (!paramName.test(key) || !paramValue.test(value))
      throw refused('it sets a query parameter that is not percent-encoded');
  const present = new Map<string, string>(
    [...(http?.headers ?? [])].map(([name, lines]) => [name, lines.join(',')]),
  );
  const changed = new Map<string, string>();
  for (const option of headers) mutate(option, present, changed);
  return {
    outcome: 'allow',
    setHeaders: [...changed].map(([name, value]) => ({ name, value })),
    removeHeaders: headersToRemove.map((name) => name.toLowerCase()).filter(mayChange),
    setParams: queryParametersToSet.map(({ key, value }) => ({ name: key, value })),
    removeParams: queryParametersToRemove,
  };
}

/** What may stand in a query without becoming more than one name and its value; proxies refuse the rest. */
const paramName = /^(?:[\w.~-]|%[\da-f]{2})+$/i;
const paramValue = /^(?:[\w.~-]|%[\da-f]{2})*$/i;

function readDenial({ httpResponse }: CheckResponse): CustomResult {
  if (httpResponse.case !== 'deniedResponse') return { outcome: 'deny' };
  const { status, headers, body } = httpResponse.value;
  const responseHeaders: HeaderValue[] = headers
    .map((option) => ({ name: (option.header?.key ?? '').toLowerCase(), value: textOf(option) }))
    .filter(({ name }) => name !== '' && mayChange(name));
  const code = status?.code ?? 0;
  return { outcome: 'deny', ...(code > 0 && { status: code }), body, responseHeaders };
}

/** The result as one value: what an append leads to is worked out here. */
function mutate(option: HeaderValueOption, present: Map<string, string>, changed: Map<string, string>): void {
  const name = (option.header?.key ?? '').toLowerCase();
  if (name === '' || !mayChange(name)) return;
  const before = present.get(name);
  const value = textOf(option);
  const isAppend = option.append ?? false;
  const { appendAction } = option;
  if (option.append === undefined) {
    if (appendAction === AppendAction.ADD_IF_ABSENT && before !== undefined) return;
    if (appendAction === AppendAction.OVERWRITE_IF_EXISTS && before === undefined) return;
  }
  const after = isAppend && before !== undefined ? `${before},${value}` : value;
  present.set(name, after);
  changed.set(name, after);
}

function textOf({ header }: HeaderValueOption): string {
  if (header === undefined) return '';
  return header.rawValue.length > 0 ? Buffer.from(header.rawValue).toString('utf8') : header.value;
}

function refused(why: string): Error {
  return customProviderErrors.CUSTOM_PROVIDER_ANSWER_REFUSED({
    message: `the answer of the CUSTOM provider cannot be used: ${why}`,
  });
}
