import type { OfferedIdentity, ReadyState, WorkloadBundles } from '../../agent/index.ts';
import type { EnvoyNode } from './envoy-node.ts';
import { allBundles, bundlesSecret, rootsSecret, type Secret, svidSecret } from './secret.ts';
import { readSecretName, type SecretWords } from './secret-name.ts';

/** What a workload may have at one moment: either part may not be there yet. */
export interface Available {
  readonly identities: ReadyState['identities'];
  readonly bundles: WorkloadBundles | undefined;
  /** Every identity is there: a name that is not among them names nothing of this workload. */
  readonly isComplete: boolean;
}

/** Who asks, and in which words. */
export interface Asker {
  readonly node: EnvoyNode;
  readonly words: SecretWords;
}

/** The secret of this name, or undefined while there is none. */
export function findSecret(
  name: string,
  { identities, bundles }: Available,
  { node, words }: Asker,
): Secret | undefined {
  const wanted = readSecretName(name, words);
  if (wanted === undefined) return undefined;
  if (wanted.kind === 'default-svid') return svid(name, identities[0]);
  if (wanted.kind === 'svid')
    return svid(
      name,
      identities.find(({ svid: { spiffeId } }) => spiffeId.uri === wanted.spiffeId),
    );
  if (bundles === undefined) return undefined;
  if (wanted.kind === 'own-roots')
    return remembered(bundles.own, `roots ${name}`, () => rootsSecret(name, bundles.own));
  if (wanted.kind === 'all-bundles') return everything(name, bundles, node);
  const bundle = allBundles(bundles).find(({ trustDomain }) => trustDomain === wanted.trustDomain);
  if (bundle === undefined) return undefined;
  return node.hasSpiffeValidator
    ? remembered(bundle, `validator ${name}`, () => bundlesSecret(name, [bundle]))
    : remembered(bundle, `roots ${name}`, () => rootsSecret(name, bundle));
}

/** Every name there is, for a subscription to everything. */
export function everyName({ identities, bundles }: Available, words: SecretWords): readonly string[] {
  const ids = identities.map(({ svid: { spiffeId } }) => spiffeId.uri);
  return [
    ...(ids.length === 0 ? [] : [words.defaultCertificate]),
    ...new Set(ids),
    ...(bundles === undefined
      ? []
      : [
          words.ownRoots,
          words.allBundles,
          ...allBundles(bundles).map(({ trustDomain }) => `spiffe://${trustDomain}`),
        ]),
  ];
}

/** Without the validator bundles of several domains would have to be merged: then there is no `ALL`. */
function everything(name: string, bundles: WorkloadBundles, node: EnvoyNode): Secret | undefined {
  if (node.hasSpiffeValidator)
    return remembered(bundles, `validator ${name}`, () => bundlesSecret(name, allBundles(bundles)));
  if (bundles.federated.length > 0) return undefined;
  return remembered(bundles.own, `roots ${name}`, () => rootsSecret(name, bundles.own));
}

function svid(name: string, identity: OfferedIdentity | undefined): Secret | undefined {
  return identity && remembered(identity.svid, `svid ${name}`, () => svidSecret(name, identity));
}

const known = new WeakMap<object, Map<string, Secret>>();

/** Streams of one workload share its secrets; they go when what they were made from goes. */
function remembered(from: object, key: string, make: () => Secret): Secret {
  let secrets = known.get(from);
  if (secrets === undefined) known.set(from, (secrets = new Map()));
  let secret = secrets.get(key);
  if (secret === undefined) secrets.set(key, (secret = make()));
  return secret;
}
