import type { KnownService, LegacyPolicy, Origin, PathMatch, PolicyTarget } from './model.ts';
import { type Conversion, selectorOf, written } from './output.ts';
import { type Selection, selectService } from './services.ts';

/** Policy and MeshPolicy of authentication.istio.io (policy.md 6.1). */
export function convertPolicy(
  conversion: Conversion,
  policy: LegacyPolicy,
  services: readonly KnownService[],
): void {
  if (!isAllowed(conversion, policy)) return;
  const namespace = policy.isMesh ? conversion.rootNamespace : policy.namespace;
  const whole: Selection = { namespace, labels: new Map(), label: '', isGuess: false, service: undefined };
  const scopes =
    policy.targets.length === 0
      ? [{ selection: whole, target: undefined }]
      : policy.targets.map((target) => ({ selection: selectTarget(target, namespace, services), target }));
  sayPeers(conversion, policy);
  for (const { selection, target } of scopes) {
    if (selection.isGuess)
      conversion.say(
        'CAS0812',
        policy,
        `the labels of service \`${selection.label}\` are not known: \`app: ${selection.label}\` was written`,
      );
    const ports = (target?.ports ?? []).flatMap((port) => workloadPort(conversion, policy, selection, port));
    if (target !== undefined && target.ports.length > 0 && ports.length === 0) continue;
    writePeerAuthentication(conversion, policy, selection, ports);
    if (policy.origins.length > 0) writeOrigins(conversion, policy, selection, ports);
  }
}

/** Objects that Istio refused or ignored in their day. */
function isAllowed(conversion: Conversion, policy: LegacyPolicy): boolean {
  const isDefault = policy.name === 'default';
  const problem = policy.isMesh
    ? (!isDefault && 'a MeshPolicy not named `default` was ignored') ||
      (policy.targets.length > 0 && 'a MeshPolicy with targets was refused')
    : isDefault !== (policy.targets.length === 0) &&
      'a Policy has targets exactly when it is not named `default`; this one was refused';
  if (problem === false) return true;
  conversion.say('CAS0813', policy, problem);
  return false;
}

function selectTarget(target: PolicyTarget, namespace: string, services: readonly KnownService[]): Selection {
  const selection = selectService(target.name, namespace, services);
  if (target.labels.size === 0) return selection;
  const labels = new Map([...(selection.isGuess ? [] : selection.labels), ...target.labels]);
  return { ...selection, labels, isGuess: false };
}

function sayPeers(conversion: Conversion, policy: LegacyPolicy): void {
  if (policy.mtls?.allowTls === true)
    conversion.say(
      'CAS0811',
      policy,
      '`allowTls` accepted TLS without a client certificate: PERMISSIVE takes plaintext instead',
    );
  if (policy.hasPeerJwt)
    conversion.say('CAS0811', policy, 'a peer method other than mtls never worked and is left out');
}

function modeOf(policy: LegacyPolicy): string {
  if (policy.mtls === undefined) return 'DISABLE';
  if (policy.mtls.mode === 'PERMISSIVE' || policy.mtls.allowTls || policy.peerIsOptional) return 'PERMISSIVE';
  return 'STRICT';
}

function nameFor(policy: LegacyPolicy, selection: Selection): string {
  return policy.targets.length > 1 && selection.label !== ''
    ? `${policy.name}-${selection.label}`
    : policy.name;
}

function writePeerAuthentication(
  conversion: Conversion,
  policy: LegacyPolicy,
  selection: Selection,
  ports: readonly number[],
): void {
  const mode = modeOf(policy);
  const place = { name: nameFor(policy, selection), namespace: selection.namespace };
  const modes =
    ports.length === 0
      ? { mtls: { mode } }
      : { portLevelMtls: Object.fromEntries(ports.map((port) => [String(port), { mode }])) };
  conversion.write(policy, 'PeerAuthentication', place, { ...selectorOf(selection.labels), ...modes });
}

/** The old key is a Service port, the new one the workload's. */
function workloadPort(
  conversion: Conversion,
  policy: LegacyPolicy,
  selection: Selection,
  port: number | string,
): readonly number[] {
  const known = selection.service?.ports.find((one) => one.port === port || one.name === port);
  if (known?.targetPort !== undefined) return [known.targetPort];
  if (typeof port === 'number') {
    conversion.say(
      'CAS0812',
      policy,
      `${port} is a port of service \`${selection.label}\`: it was kept, though the key is now the workload's own port`,
    );
    return [port];
  }
  conversion.say(
    'CAS0814',
    policy,
    `the port \`${port}\` of service \`${selection.label}\` is not known by number: convert it together with the Service`,
  );
  return [];
}

function writeOrigins(
  conversion: Conversion,
  policy: LegacyPolicy,
  selection: Selection,
  ports: readonly number[],
): void {
  const name = nameFor(policy, selection);
  const { namespace } = selection;
  conversion.write(
    policy,
    'RequestAuthentication',
    { name, namespace },
    {
      ...selectorOf(selection.labels),
      jwtRules: policy.origins.map(jwtRule),
    },
  );
  sayOrigins(conversion, policy);
  if (ports.length > 0)
    conversion.say(
      'CAS0811',
      policy,
      'a bad token is now refused on every port, where the policy spoke of some',
    );
  if (policy.originIsOptional) return;
  conversion.write(
    policy,
    'AuthorizationPolicy',
    { name: `${name}-require-token`, namespace },
    {
      ...selectorOf(selection.labels),
      action: 'DENY',
      rules: requirements(policy.origins, ports.map(String)),
    },
  );
}

/** In its day the token always travelled on. */
function jwtRule(origin: Origin): Record<string, unknown> {
  return written({
    issuer: origin.issuer,
    audiences: origin.audiences,
    jwksUri: origin.jwksUri,
    jwks: origin.jwks,
    fromHeaders: origin.jwtHeaders.map((name) => ({ name })),
    fromParams: origin.jwtParams,
    forwardOriginalToken: true,
  });
}

function sayOrigins(conversion: Conversion, policy: LegacyPolicy): void {
  const triggers = policy.origins.flatMap((origin) => origin.triggerRules);
  if (!policy.originIsOptional)
    conversion.say(
      'CAS0811',
      policy,
      'a request without a token now gets 403 from a DENY policy, where it got 401',
    );
  if (triggers.length > 0)
    conversion.say(
      'CAS0811',
      policy,
      'a bad token is now refused on every path, also where the trigger rules did not ask for one',
    );
  if (policy.origins.length > 1 && triggers.length > 0)
    conversion.say(
      'CAS0811',
      policy,
      'trigger rules of several issuers are joined: a token of any of them will do on each path',
    );
  for (const path of triggers.flatMap((rule) => [...rule.includedPaths, ...rule.excludedPaths]))
    if (path.pattern === undefined)
      conversion.say(
        'CAS0811',
        policy,
        `the regular expression \`${path.text}\` has no equal: a token is asked for on every path it spoke of`,
      );
}

/** Where a token must be: one DENY rule for each way a trigger holds. */
function requirements(
  origins: readonly Origin[],
  ports: readonly string[],
): readonly Record<string, unknown>[] {
  const from = [{ source: { notRequestPrincipals: ['*'] } }];
  const always = origins.some((origin) => origin.triggerRules.length === 0);
  if (always) return [ports.length === 0 ? { from } : { from, to: [{ operation: { ports } }] }];
  return origins.flatMap((origin) =>
    origin.triggerRules.map((rule) => {
      const included = rule.includedPaths.some(({ pattern }) => pattern === undefined)
        ? []
        : rule.includedPaths;
      const operation = written({ ports, paths: patterns(included), notPaths: patterns(rule.excludedPaths) });
      return Object.keys(operation).length === 0 ? { from } : { from, to: [{ operation }] };
    }),
  );
}

function patterns(paths: readonly PathMatch[]): readonly string[] {
  return paths.flatMap(({ pattern }) => (pattern === undefined ? [] : [pattern]));
}
