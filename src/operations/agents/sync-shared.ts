import type { RegistrationView } from '../registrations.ts';
import { type AgentBundle, ownBundle } from './agent-bundle.ts';
import {
  bundlesPart,
  type PolicyContent,
  policyPart,
  type RevocationContent,
  registrationsPart,
  revocationsPart,
  type SyncPart,
  type SyncParts,
} from './sync-content.ts';
import type { AgentSyncParts } from './sync-ports.ts';

/** What is the same for many agents at one moment, worked out once. */
export class SyncShared {
  readonly #parts: AgentSyncParts;
  readonly #registrations: Map<string, SyncParts['registrations']>;
  readonly #bundles = new Map<string, SyncParts['bundles']>();
  readonly #revocations: SyncPart<RevocationContent>;
  /** Worked out when the first agent wants it: it may be large. */
  #policy: SyncPart<PolicyContent> | undefined;
  #hasPolicy = false;
  readonly #policyBefore: SyncPart<PolicyContent> | undefined;
  readonly #own: AgentBundle;
  readonly #ownDigest: string;
  readonly #view: RegistrationView;

  constructor(parts: AgentSyncParts, before?: SyncShared) {
    this.#parts = parts;
    this.#view = parts.registrations.current();
    const own = ownBundle(parts.authority);
    this.#ownDigest = bundlesPart([own]).digest;
    this.#own = before !== undefined && before.#ownDigest === this.#ownDigest ? before.#own : own;
    this.#revocations = same(before && before.#revocations, revocationsPart(revocationsNow(parts)));
    this.#policyBefore = before && (before.#hasPolicy ? before.#policy : before.#policyBefore);
    this.#registrations =
      before !== undefined && before.#view === this.#view ? before.#registrations : new Map();
  }

  partsFor(agentId: string, wantsPolicy: boolean): SyncParts {
    const registrations = this.#registrationsOf(agentId);
    const domains = new Set(registrations.content.flatMap(({ federatesWith }) => federatesWith));
    const parts = {
      registrations,
      bundles: this.#bundlesFor([...domains].sort()),
      revocations: this.#revocations,
    };
    const policy = wantsPolicy ? this.#policyNow() : undefined;
    return policy === undefined ? parts : { ...parts, policy };
  }

  #policyNow(): SyncPart<PolicyContent> | undefined {
    if (!this.#hasPolicy) {
      const policy = this.#parts.policy.current();
      this.#policy = policy && same(this.#policyBefore, policyPart(policy));
      this.#hasPolicy = true;
    }
    return this.#policy;
  }

  forget(agentId: string): void {
    this.#registrations.delete(agentId);
  }

  /** True when time alone has changed something. */
  isOutdated(): boolean {
    if (this.#parts.registrations.current() !== this.#view) return true;
    return bundlesPart([ownBundle(this.#parts.authority)]).digest !== this.#ownDigest;
  }

  #registrationsOf(agentId: string): SyncParts['registrations'] {
    let part = this.#registrations.get(agentId);
    if (part === undefined) {
      part = registrationsPart(this.#view.under(agentId));
      this.#registrations.set(agentId, part);
    }
    return part;
  }

  #bundlesFor(domains: readonly string[]): SyncParts['bundles'] {
    const key = domains.join(' ');
    let part = this.#bundles.get(key);
    if (part === undefined) {
      const others = domains
        .map((domain) => this.#parts.federated.find(domain))
        .filter((bundle) => bundle !== undefined);
      part = bundlesPart([this.#own, ...others]);
      this.#bundles.set(key, part);
    }
    return part;
  }
}

/** The part from before when the content is the same, so that what was encoded from it is used again. */
function same<T>(before: SyncPart<T> | undefined, now: SyncPart<T>): SyncPart<T> {
  return before?.digest === now.digest ? before : now;
}

function revocationsNow({ authority, revocations }: AgentSyncParts): RevocationContent {
  const { tainted, revoked } = authority.verdicts();
  const denied = revocations.current();
  return {
    taintedKeyIds: [...tainted].sort(),
    revokedKeyIds: [...revoked].sort(),
    deniedSerials: denied.flatMap(({ serial }) => serial ?? []).sort(),
    deniedSpiffeIds: denied.flatMap(({ spiffeId }) => spiffeId ?? []).sort(),
  };
}
