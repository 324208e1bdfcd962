import type { SpiffeId } from '../spiffe/index.ts';
import type { AgentRegistration } from './view.ts';

/** What is asked for under one identity, whichever registrations make it. */
export interface WantedIdentity {
  readonly spiffeId: SpiffeId;
  /** 0: the server's default. */
  readonly ttlSeconds: number;
  /** Sorted, each once. */
  readonly dnsNames: readonly string[];
}

/** By SPIFFE ID: of several registrations of one identity the shortest life and every DNS name. */
export function wantedIdentities(
  registrations: readonly AgentRegistration[],
): ReadonlyMap<string, WantedIdentity> {
  const wanted = new Map<string, WantedIdentity>();
  for (const { spiffeId, x509TtlSeconds, dnsNames } of registrations) {
    const other = wanted.get(spiffeId.uri);
    const ttlSeconds =
      other === undefined || isShorter(x509TtlSeconds, other.ttlSeconds) ? x509TtlSeconds : other.ttlSeconds;
    const names = other === undefined ? dnsNames : [...other.dnsNames, ...dnsNames];
    wanted.set(spiffeId.uri, { spiffeId, ttlSeconds, dnsNames: [...new Set(names)].sort() });
  }
  return wanted;
}

export function isSameWish(a: WantedIdentity, b: WantedIdentity): boolean {
  return (
    a.ttlSeconds === b.ttlSeconds &&
    a.dnsNames.length === b.dnsNames.length &&
    a.dnsNames.every((name, i) => name === b.dnsNames[i])
  );
}

/** 0 is the server's default, which we do not know: any number that somebody wrote goes before it. */
const isShorter = (a: number, b: number) => a !== 0 && (b === 0 || a < b);
