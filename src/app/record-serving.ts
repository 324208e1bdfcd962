import type { Issuance } from '../authority/index.ts';
import { ulid } from '../base/random.ts';
import type { Store } from '../operations/ports/index.ts';
import type { SpiffeId } from '../spiffe/index.ts';
import type { Environment } from './environment.ts';

/** G1 holds for our own certificate too: it is on record before anyone sees it. */
export function recordServing(
  store: Store,
  id: SpiffeId,
  { clock, random }: Environment,
): (issuance: Issuance) => Promise<void> {
  return async (issuance) => {
    const requestId = ulid(clock.now(), random);
    const { serial, der, notBefore, notAfter, issuerKeyId, shortenedToIssuer: shortened } = issuance;
    await store.issuances.recordIssuance(
      {
        serial,
        der,
        notBefore,
        notAfter,
        issuerKeyId,
        shortened,
        spiffeId: id.uri,
        callerSubject: 'castellan',
        callerMethod: 'local',
        csrSha256: '',
        issuedAt: clock.now(),
        requestId,
        peerAddress: '',
        state: 'issued',
      },
      {
        actor: 'castellan',
        actorMethod: 'local',
        action: 'certificate.issue',
        object: id.uri,
        result: 'success',
        requestId,
        detail: { serial, notBefore, notAfter, issuerKeyId, use: 'serving' },
      },
    );
  };
}
