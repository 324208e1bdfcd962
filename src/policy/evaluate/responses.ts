import type { DenyResponse, Effects } from '../decision.ts';
import type { CustomResult, HttpFacts, TokenFault } from '../request.ts';

/** What a denied client is told (policy.md §2.3, §3.13). */

export function denyEffects(response: DenyResponse): Effects {
  return { setHeaders: [], removeHeaders: [], removeParams: [], response };
}

/** Envoy's words for both RBAC denials; the detail names the policy, or none. */
export function rbacResponse(policyId: string | undefined): DenyResponse {
  return {
    status: 403,
    grpcStatus: 7,
    body: 'RBAC: access denied',
    headers: [],
    detail: `rbac_access_denied_matched_policy[${policyId ?? 'none'}]`,
  };
}

/** A plain connection is closed. */
export function closedConnection(detail: string): DenyResponse {
  return { status: 0, grpcStatus: 7, body: '', headers: [], detail };
}

export function malformedResponse(fault: string): DenyResponse {
  return { status: 400, grpcStatus: 3, body: '', headers: [], detail: fault };
}

export function internalResponse(isHttp: boolean): DenyResponse {
  return isHttp
    ? { status: 403, grpcStatus: 13, body: '', headers: [], detail: 'internal_error' }
    : closedConnection('internal_error');
}

export function customResponse(result: CustomResult | undefined, statusOnError: number): DenyResponse {
  if (result?.outcome === 'deny')
    return {
      status: result.status ?? 403,
      grpcStatus: 7,
      body: result.body ?? '',
      headers: result.responseHeaders ?? [],
      detail: 'ext_authz_denied',
    };
  return { status: statusOnError, grpcStatus: 7, body: '', headers: [], detail: 'ext_authz_error' };
}

const maxRealmPath = 256;

/** 401, or 403 when only the audience is wrong; the realm is the original URI, its path cut at 256 characters. */
export function tokenResponse(
  http: HttpFacts,
  target: string,
  { fault, message }: { readonly fault: TokenFault | 'missing'; readonly message: string },
): DenyResponse {
  const realm = quotable(
    `${http.scheme ?? 'https'}://${http.authority ?? ''}${target.slice(0, maxRealmPath)}`,
  );
  const error = fault === 'missing' ? '' : ', error="invalid_token"';
  const isForbidden = fault === 'wrong-audience';
  return {
    status: isForbidden ? 403 : 401,
    grpcStatus: isForbidden ? 7 : 16,
    body: message,
    headers: [{ name: 'www-authenticate', value: `Bearer realm="${realm}"${error}` }],
    detail: `jwt_authn_access_denied{${message.split(' ').join('_')}}`,
  };
}

/** Nothing in the client's own text may end the quoted string or the line. */
function quotable(text: string): string {
  let safe = '';
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    safe += unit > 32 && unit < 127 && unit !== 34 && unit !== 92 ? text[i] : encodeUnit(unit);
  }
  return safe;
}

function encodeUnit(unit: number): string {
  return `%${(unit & 0xff).toString(16).toUpperCase().padStart(2, '0')}`;
}
