import { equalBytes, toHex } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { isCastellanError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { type CertificateStanding, isNodeId, type Standing } from '../../identity/index.ts';
import type { SpiffeId } from '../../spiffe/index.ts';
import { type Certificate, parseCertificate } from '../../x509/index.ts';
import { mayRecover } from '../epoch-serials.ts';
import type {
  IssuanceRecord,
  IssuanceStore,
  NodeStore,
  RevocationStore,
  StoreIdentity,
} from '../ports/index.ts';
import type { RegistrationView } from '../registrations.ts';

/** How an identity that was born of a registration is marked on record: it ends with its registration (D9). */
export const bornOfRegistration = 'registration';

export interface StandingParts {
  readonly issuances: IssuanceStore;
  readonly revocations: RevocationStore;
  readonly nodes: Pick<NodeStore, 'find'>;
  readonly registrations: () => RegistrationView;
  readonly identity: () => StoreIdentity;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The record on file of the certificate that a caller showed. */
export interface CallerRecords {
  /** Undefined before `standingOf` has found it. */
  recordOf(leafDer: Uint8Array): IssuanceRecord | undefined;
}

/**
 * D9: whether a certificate of ours, whose path is valid, may still speak. Records never change, so the one of a
 * connection is read once; the deny list and the registrations are asked each time, from memory.
 */
export class RecordedStanding implements CertificateStanding, CallerRecords {
  readonly #parts: StandingParts;
  readonly #records = new WeakMap<Uint8Array, IssuanceRecord>();

  constructor(parts: StandingParts) {
    this.#parts = parts;
  }

  recordOf(leafDer: Uint8Array): IssuanceRecord | undefined {
    return this.#records.get(leafDer);
  }

  async standingOf(leafDer: Uint8Array, spiffeId: SpiffeId, signal: AbortSignal): Promise<Standing> {
    signal.throwIfAborted();
    try {
      const record = this.#records.get(leafDer) ?? (await this.#findRecord(leafDer, spiffeId));
      if (record === undefined)
        return refused('not-on-record', 'no record of this certificate: it was not issued here');
      this.#records.set(leafDer, record);
      return this.#judge(record, spiffeId);
    } catch (error) {
      const detail = isCastellanError(error) ? error.code : 'the records cannot be read';
      return { standing: 'unavailable', detail };
    }
  }

  #judge(record: IssuanceRecord, spiffeId: SpiffeId): Standing {
    const { revocations, registrations, clock } = this.#parts;
    // A connection may outlive the certificate that opened it.
    if (clock.now() >= record.notAfter + 1000)
      return refused('expired', 'the certificate of the connection has ended');
    if (revocations.isRevoked(record.serial, spiffeId.uri))
      return refused('revoked', `${record.serial} or ${spiffeId.uri} is on the deny list`);
    if (record.callerMethod === bornOfRegistration && !registrations().isRegistered(spiffeId.uri))
      return refused('not-registered', `${spiffeId.uri} is no longer registered`);
    if (isNodeId(spiffeId, spiffeId.trustDomain)) return judgeNode(this.#parts.nodes, record);
    return { standing: 'good' };
  }

  async #findRecord(leafDer: Uint8Array, spiffeId: SpiffeId): Promise<IssuanceRecord | undefined> {
    const certificate = parseCertificate(leafDer);
    const record = await this.#parts.issuances.findBySerial(certificate.serial);
    if (record !== undefined) return equalBytes(record.der, leafDer) ? record : undefined;
    return this.#recover(certificate, spiffeId);
  }

  /** After a restore: issued between the backup and the loss, so it verifies and began after the backup. */
  async #recover(certificate: Certificate, spiffeId: SpiffeId): Promise<IssuanceRecord | undefined> {
    const { issuances, identity, clock, logger } = this.#parts;
    const origin = identity();
    if (!mayRecover(certificate, origin)) return undefined;
    const record: IssuanceRecord = {
      serial: certificate.serial,
      spiffeId: spiffeId.uri,
      callerSubject: spiffeId.uri,
      callerMethod: 'client_cert',
      csrSha256: '',
      notBefore: certificate.notBefore,
      notAfter: certificate.notAfter,
      issuedAt: certificate.notBefore,
      der: certificate.der,
      requestId: '',
      issuerKeyId: toKeyId(certificate),
      shortened: false,
      peerAddress: '',
      state: 'recovered',
    };
    await issuances.recordIssuance(record, {
      actor: spiffeId.uri,
      actorMethod: 'client_cert',
      action: 'certificate.recover',
      object: spiffeId.uri,
      result: 'success',
      requestId: '',
      detail: { serial: record.serial, at: clock.now(), restoredBackupAt: origin.restoredBackupAt },
    });
    logger.warn('a certificate from after the restored backup was put on record', { serial: record.serial });
    return record;
  }
}

/**
 * M15: a node SVID counts only while its node is attested, and only from its newest attestation on. One that was
 * recovered after a restore may belong to a node that attested after the backup.
 */
function judgeNode(nodes: Pick<NodeStore, 'find'>, record: IssuanceRecord): Standing {
  const node = nodes.find(record.spiffeId);
  if (node === undefined)
    return record.state === 'recovered'
      ? { standing: 'good' }
      : refused('not-attested', `${record.spiffeId} is no attested node`);
  if (node.state !== 'attested') return refused('not-attested', `${record.spiffeId} was ${node.state}`);
  return record.issuedAt < node.attestedAt
    ? refused('not-attested', `${record.spiffeId} has attested anew since ${record.serial} was issued`)
    : { standing: 'good' };
}

function toKeyId(certificate: Certificate): string {
  return certificate.authorityKeyId === undefined ? '' : toHex(certificate.authorityKeyId);
}

function refused(reason: Extract<Standing, { standing: 'refused' }>['reason'], detail: string): Standing {
  return { standing: 'refused', reason, detail };
}
