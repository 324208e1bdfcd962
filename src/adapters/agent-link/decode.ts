import type { RawBundle, RawUpdate } from '../../agent/index.ts';
import type { Bundle, SyncResponse } from '../../wire/gen/castellan/agent/v1/agent_pb.js';

/** What the server said, in the agent's own words; nothing is judged here. A part that is absent is undefined. */
export function readUpdate(answer: SyncResponse): RawUpdate {
  const { registrations, bundles, revocations, policy } = answer;
  return {
    revision: answer.revision,
    isFull: answer.isFull,
    registrations: registrations?.items.map((item) => ({
      name: item.name,
      spiffeId: item.spiffeId,
      selectors: item.selectors,
      x509TtlSeconds: Number(item.x509TtlSeconds),
      hint: item.hint,
      federatesWith: item.federatesWith,
      dnsNames: item.dnsNames,
    })),
    bundles: bundles?.items.map(readBundle),
    revocations:
      revocations === undefined
        ? undefined
        : {
            taintedKeyIds: revocations.taintedKeyIds,
            revokedKeyIds: revocations.revokedKeyIds,
            deniedSerials: revocations.deniedSerials,
            deniedSpiffeIds: revocations.deniedSpiffeIds,
          },
    policy: policy === undefined ? undefined : { revision: policy.revision, json: policy.contentJson },
  };
}

export function readBundle(bundle: Bundle): RawBundle {
  return {
    trustDomain: bundle.trustDomain,
    sequence: bundle.sequence,
    refreshHintSeconds: Number(bundle.refreshHintSeconds),
    rootsDer: bundle.x509RootsDer,
    jwtKeys: bundle.jwtKeys.map(({ kid, jwkJson }) => ({ kid, jwkJson })),
    crlsDer: bundle.crlsDer,
    knownIssuersDer: bundle.knownIssuersDer,
  };
}
