import { create, toBinary } from '@bufbuild/protobuf';
import type { AgentBundle, OfferedIdentity, ReadyState, WorkloadBundles } from '../../agent/index.ts';
import { concatBytes } from '../../base/bytes.ts';
import {
  JWTBundlesResponseSchema,
  X509BundlesResponseSchema,
  X509SVIDResponseSchema,
} from '../../wire/gen/spiffe/workload/workloadapi_pb.js';

/** Each answer carries the full state (W-04). Streams that share a state share its bytes. */
export const encodeX509Svids = shared((state: ReadyState) =>
  toBinary(
    X509SVIDResponseSchema,
    create(X509SVIDResponseSchema, {
      svids: state.identities.map((identity) => svidOf(identity, state.bundles.own)),
      crl: crlsOf(state.bundles),
      federatedBundles: Object.fromEntries(
        state.bundles.federated.map((bundle) => [nameOf(bundle), rootsOf(bundle)]),
      ),
    }),
  ),
);

export const encodeX509Bundles = shared((bundles: WorkloadBundles) =>
  toBinary(
    X509BundlesResponseSchema,
    create(X509BundlesResponseSchema, {
      crl: crlsOf(bundles),
      bundles: Object.fromEntries(allOf(bundles).map((bundle) => [nameOf(bundle), rootsOf(bundle)])),
    }),
  ),
);

export const encodeJwtBundles = shared((bundles: WorkloadBundles) =>
  toBinary(
    JWTBundlesResponseSchema,
    create(JWTBundlesResponseSchema, {
      bundles: Object.fromEntries(allOf(bundles).map((bundle) => [nameOf(bundle), jwksOf(bundle)])),
    }),
  ),
);

/** Works a value out once for each object it is made from. */
function shared<K extends object>(encode: (from: K) => Uint8Array): (from: K) => Uint8Array {
  const known = new WeakMap<K, Uint8Array>();
  return (from) => {
    let bytes = known.get(from);
    if (bytes === undefined) {
      bytes = encode(from);
      known.set(from, bytes);
    }
    return bytes;
  };
}

const allOf = ({ own, federated }: WorkloadBundles): readonly AgentBundle[] => [own, ...federated];

/** W-23: the standard does not say how a trust domain is written here; every client wants this form. */
const nameOf = ({ trustDomain }: AgentBundle) => `spiffe://${trustDomain}`;

/** W-16: certificates one after another, nothing between them. */
const rootsOf = ({ roots }: AgentBundle) => concatBytes(roots.map(({ der }) => der));

const crlsOf = (bundles: WorkloadBundles) => allOf(bundles).flatMap(({ crlsDer }) => crlsDer as Uint8Array[]);

function svidOf({ svid, hint }: OfferedIdentity, own: AgentBundle) {
  return {
    spiffeId: svid.spiffeId.uri,
    x509Svid: concatBytes(svid.chainDer),
    x509SvidKey: svid.privateKeyPkcs8,
    bundle: rootsOf(own),
    hint,
  };
}

/** W-18, J-11: only keys for JWT-SVIDs, each marked so and with its id. */
function jwksOf({ jwtKeys }: AgentBundle): Uint8Array {
  const keys = jwtKeys.map(({ kid, jwk }) => ({ ...jwk, kid, use: 'jwt-svid' }));
  return new TextEncoder().encode(JSON.stringify({ keys }));
}
