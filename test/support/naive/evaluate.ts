/** The naive evaluator: the whole decision in order, one stage after the other. */
import { bundleOf, matchingRules } from './authorization.ts';
import type { PlainDecision, PlainMesh, PlainPolicy, PlainRequest, PlainWorkload } from './model.ts';
import { normalisePath, type PathNormalization } from './normalise.ts';
import { decidePeer, peerMode } from './peer-authentication.ts';
import { authenticateRequest } from './request-authentication.ts';

const isDryRun = (policy: PlainPolicy) =>
  ['1', 't', 'T', 'TRUE', 'true', 'True'].includes(policy.metadata.annotations?.['istio.io/dry-run'] ?? '');

export function selects(policy: PlainPolicy, workload: PlainWorkload, root: string): boolean {
  if (policy.spec?.targetRef !== undefined || policy.spec?.targetRefs !== undefined) return false;
  if (policy.metadata.namespace !== workload.namespace && policy.metadata.namespace !== root) return false;
  const wanted = Object.entries((policy.spec?.selector?.matchLabels ?? {}) as Record<string, string>);
  return wanted.every(([key, value]) => workload.labels?.[key] === value);
}

export function evaluateNaively(
  policies: readonly PlainPolicy[],
  mesh: PlainMesh,
  workload: PlainWorkload,
  request: PlainRequest,
): PlainDecision {
  const root = mesh.rootNamespace ?? 'istio-system';
  const peer = decidePeer(peerMode(policies, root, workload, request.port), workload, request);
  if (!peer.accepted) return { outcome: 'deny', stage: 'peer' };

  const isHttp = request.http !== undefined && peer.seesHttp;
  const level = (mesh.pathNormalization?.normalization ?? 'DEFAULT') as PathNormalization;
  const path = isHttp ? normalisePath(request.http?.path ?? '', level) : undefined;
  if (isHttp && path === undefined) return { outcome: 'deny', stage: 'path', status: 400 };

  const chosen = policies.filter(
    (p) => p.kind === 'AuthorizationPolicy' && selects(p, workload, root) && !isDryRun(p),
  );
  const withAction = (action: string) => chosen.filter((p) => (p.spec?.action ?? 'ALLOW') === action);
  const base = { request, peer: peer.identity, path, bundle: bundleOf(mesh), isHttp };

  for (const policy of withAction('CUSTOM')) {
    const [id] = matchingRules([policy], 'CUSTOM', { ...base, claims: undefined });
    if (id === undefined) continue;
    const result = request.custom[policy.spec.provider.name as string] ?? 'unavailable';
    if (result !== 'allow') return { outcome: 'deny', stage: 'custom', policy: id };
  }

  const jwtRules = policies
    .filter((p) => p.kind === 'RequestAuthentication' && selects(p, workload, root))
    .flatMap((p) => p.spec?.jwtRules ?? []);
  const auth = isHttp
    ? authenticateRequest(jwtRules, request)
    : { outcome: 'pass' as const, claims: undefined };
  if (auth.outcome === 'refuse') return { outcome: 'deny', stage: 'request', status: auth.status };

  const input = { ...base, claims: auth.claims };
  const [denied] = matchingRules(withAction('DENY'), 'DENY', input);
  if (denied !== undefined) return { outcome: 'deny', stage: 'deny', policy: denied };
  const allows = withAction('ALLOW');
  if (allows.length === 0) return { outcome: 'allow', stage: 'allow' };
  const [allowed] = matchingRules(allows, 'ALLOW', input);
  return allowed === undefined
    ? { outcome: 'deny', stage: 'allow' }
    : { outcome: 'allow', stage: 'allow', policy: allowed };
}
