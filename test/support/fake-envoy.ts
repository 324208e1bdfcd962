import {
  type HeaderValueOption,
  HeaderValueOption_HeaderAppendAction,
} from '../../src/wire/gen/envoy/config/core/v3/base_pb.js';
import type { CheckResponse } from '../../src/wire/gen/envoy/service/auth/v3/external_auth_pb.js';

/**
 * What Envoy does with a CheckResponse, by the versions that differ (proxies.md §1.5, §1.6): `set-by-default` is up to
 * v1.36 and again after the revert, `append-by-default` is v1.37 as first released; `strict-codes` read only 7 and 16
 * as a denial.
 */
export interface EnvoyVersion {
  readonly headers: 'set-by-default' | 'append-by-default';
  readonly codes: 'any-nonzero' | 'strict-codes';
}

export const envoyVersions: readonly EnvoyVersion[] = (
  ['set-by-default', 'append-by-default'] as const
).flatMap((headers) => (['any-nonzero', 'strict-codes'] as const).map((codes) => ({ headers, codes })));

export type EnvoyOutcome =
  | { readonly kind: 'forwarded'; readonly headers: ReadonlyMap<string, readonly string[]> }
  | {
      readonly kind: 'denied';
      readonly status: number;
      readonly body: string;
      readonly headers: ReadonlyMap<string, readonly string[]>;
    }
  /** What `failure_mode_allow` would let through. */
  | { readonly kind: 'error' };

export function applyResponse(
  response: CheckResponse,
  client: ReadonlyMap<string, readonly string[]>,
  version: EnvoyVersion,
): EnvoyOutcome {
  const code = response.status?.code ?? 0;
  const { httpResponse } = response;
  if (code === 0) {
    const headers = new Map(client);
    if (httpResponse.case !== 'okResponse') return { kind: 'forwarded', headers };
    for (const option of httpResponse.value.headers) mutate(headers, option, version);
    for (const name of httpResponse.value.headersToRemove)
      if (!name.startsWith(':') && name !== 'host') headers.delete(name);
    return { kind: 'forwarded', headers };
  }
  if (httpResponse.case === 'errorResponse') return { kind: 'error' };
  if (version.codes === 'strict-codes' && code !== 7 && code !== 16) return { kind: 'error' };
  const denied = httpResponse.case === 'deniedResponse' ? httpResponse.value : undefined;
  const headers = new Map<string, readonly string[]>();
  for (const option of denied?.headers ?? []) mutate(headers, option, version);
  return { kind: 'denied', status: denied?.status?.code || 403, body: denied?.body ?? '', headers };
}

function mutate(
  headers: Map<string, readonly string[]>,
  { header, append, appendAction }: HeaderValueOption,
  version: EnvoyVersion,
): void {
  const name = header?.key ?? '';
  const value = header?.value ?? '';
  const before = headers.get(name);
  const isAppend =
    append === undefined
      ? version.headers === 'append-by-default' &&
        appendAction === HeaderValueOption_HeaderAppendAction.APPEND_IF_EXISTS_OR_ADD
      : append;
  if (isAppend && version.headers === 'set-by-default' && before === undefined) return;
  headers.set(name, isAppend ? [...(before ?? []), value] : [value]);
}
