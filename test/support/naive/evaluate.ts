/** The naive evaluator: the whole decision in order, one stage after the other. */
import { bundleOf, type Input, matchingRules } from './authorization.ts';
import type { PlainDecision, PlainMesh, PlainPolicy, PlainRequest, PlainWorkload } from './model.ts';
import { readHead } from './normalise.ts';
import { decidePeer, peerMode } from './peer-authentication.ts';
import { authenticateRequest } from './request-authentication.ts';
import { selects } from './selection.ts';

const isDryRun = (policy: PlainPolicy) =>
  ['1', 't', 'T', 'TRUE', 'true', 'True'].includes(policy.metadata.annotations?.['istio.io/dry-run'] ?? '');

type Base = Omit<Input, 'policyNamespace'>;

export function evaluateNaively(
  policies: readonly PlainPolicy[],
  mesh: PlainMesh,
  workload: PlainWorkload,
  request: PlainRequest,
): PlainDecision {
  const root = mesh.rootNamespace ?? 'istio-system';
  const isStrict = mesh.strict ?? false;
  const peer = decidePeer(peerMode(policies, root, workload, request.port), workload, request, mesh);
  if (!peer.accepted) return { outcome: 'deny', stage: 'peer_authentication' };

  const isHttp = request.http !== undefined && peer.seesHttp;
  const path = isHttp && request.http !== undefined ? readHead(request.http, mesh) : undefined;
  if (isHttp && path === undefined) return { outcome: 'deny', stage: 'normalisation', status: 400 };
  const seen = path === undefined ? {} : { path };

  const chosen = policies.filter((p) => selects(p, workload, mesh));
  const withAction = (action: string, dry = false) =>
    chosen.filter(
      (p) =>
        p.kind === 'AuthorizationPolicy' && (p.spec?.action ?? 'ALLOW') === action && isDryRun(p) === dry,
    );
  const base = { request, peer: peer.identity, path, bundle: bundleOf(mesh), isHttp, isStrict };
  const custom = decideCustom(
    withAction('CUSTOM'),
    withAction('CUSTOM', true),
    { ...base, claims: undefined },
    mesh,
  );
  if (custom !== undefined) return { outcome: 'deny', stage: 'custom', policy: custom, ...seen };

  const jwtRules = chosen
    .filter((p) => p.kind === 'RequestAuthentication')
    .flatMap((p) => p.spec?.jwtRules ?? []);
  const auth = isHttp
    ? authenticateRequest(jwtRules, request, isStrict)
    : { outcome: 'pass' as const, claims: undefined };
  if (auth.outcome === 'refuse') {
    const { status } = auth;
    return {
      outcome: 'deny',
      stage: 'request_authentication',
      ...(status === undefined ? {} : { status }),
      ...seen,
    };
  }
  return {
    ...decideByRules(withAction('DENY'), withAction('ALLOW'), { ...base, claims: auth.claims }),
    ...seen,
  };
}

function decideByRules(
  denies: readonly PlainPolicy[],
  allows: readonly PlainPolicy[],
  input: Base,
): PlainDecision {
  const [denied] = matchingRules(denies, 'DENY', input);
  if (denied !== undefined) return { outcome: 'deny', stage: 'deny', policy: denied };
  if (allows.length === 0 && !input.isStrict) return { outcome: 'allow', stage: 'allow' };
  const [allowed] = matchingRules(allows, 'ALLOW', input);
  return allowed === undefined
    ? { outcome: 'deny', stage: 'allow' }
    : { outcome: 'allow', stage: 'allow', policy: allowed };
}

/** The id under which CUSTOM denies, provider after provider; undefined when it lets pass. */
function decideCustom(
  policies: readonly PlainPolicy[],
  dry: readonly PlainPolicy[],
  input: Base,
  mesh: PlainMesh,
): string | undefined {
  const nameOf = (p: PlainPolicy) => p.spec.provider.name as string;
  const names = [...new Set([...policies, ...dry].map(nameOf))].sort();
  const isTooMany = names.length > 1 && mesh.multipleCustomProviders !== true;
  for (const name of names) {
    const provider = isTooMany ? undefined : mesh.extensionProviders?.find((one) => one.name === name);
    const id = (list: readonly PlainPolicy[]) => {
      const [first] = matchingRules(
        list.filter((p) => nameOf(p) === name),
        'CUSTOM',
        input,
      );
      return first && `istio-ext-authz-${name}-${first}`;
    };
    if (provider?.envoyExtAuthzHttp !== undefined && !input.isHttp) continue;
    const dryId = input.isStrict ? undefined : id(dry);
    if (dryId !== undefined) return dryId;
    const matched = id(input.isStrict ? [...policies, ...dry] : policies);
    if (matched === undefined) continue;
    if (provider === undefined) return `${matched}-deny-due-to-bad-CUSTOM-action`;
    if (mesh.selfProviders?.includes(name)) continue;
    const failOpen = (provider.envoyExtAuthzGrpc ?? provider.envoyExtAuthzHttp)?.failOpen === true;
    const result = input.request.custom[name];
    if (result === 'allow' || (result === 'unavailable' && failOpen)) continue;
    return matched;
  }
  return undefined;
}
