import { CastellanError } from '../../base/errors.ts';
import { isReservedId, SpiffeId, type TrustDomain } from '../../spiffe/index.ts';
import { type Csr, type KeyPolicy, parseCsrPem } from '../../x509/index.ts';
import { auditOf, type Operator } from '../operator.ts';
import { operatorErrors } from '../operator-errors.ts';
import { signingError } from './errors.ts';
import { type SigningParts, signAndRecord } from './sign-and-record.ts';

export interface LocalIssueParts extends SigningParts {
  readonly trustDomain: TrustDomain;
  readonly keyPolicy: KeyPolicy;
}

export interface LocalIssueRequest {
  readonly csrPem: string;
  readonly spiffeId: string;
  readonly ttlSeconds?: number | undefined;
}

export interface LocalIssuance {
  readonly serial: string;
  readonly spiffeId: string;
  readonly chainPem: readonly string[];
  readonly notBefore: number;
  readonly notAfter: number;
  readonly shortened: boolean;
}

const neverAborted = new AbortController().signal;

/** An operator names the identity; everything after that is the way of every certificate (`castellan issue`). */
export async function issueLocally(
  parts: LocalIssueParts,
  operator: Operator,
  request: LocalIssueRequest,
): Promise<LocalIssuance> {
  const spiffeId = SpiffeId.parse(request.spiffeId);
  if (spiffeId.trustDomain !== parts.trustDomain) throw operatorErrors.FOREIGN_TRUST_DOMAIN();
  if (spiffeId.path === '') throw operatorErrors.IDENTITY_WITHOUT_PATH();
  if (isReservedId(spiffeId)) throw operatorErrors.RESERVED_IDENTITY();
  const { actor, actorMethod } = auditOf(operator, 'certificate.issue', spiffeId.uri);
  const { issuance, chainPem } = await signAndRecord(parts, {
    csr: readCsr(parts, request),
    spiffeId,
    dnsNames: [],
    validitySeconds: request.ttlSeconds ?? 0,
    caller: { subject: actor, method: 'local', actor, actorMethod, address: operator.address ?? '' },
    requestId: operator.requestId,
    note: {},
    signal: neverAborted,
  });
  return {
    serial: issuance.serial,
    spiffeId: spiffeId.uri,
    chainPem,
    notBefore: issuance.notBefore,
    notAfter: issuance.notAfter,
    shortened: issuance.shortenedToIssuer,
  };
}

function readCsr({ keyPolicy }: LocalIssueParts, { csrPem }: LocalIssueRequest): Csr {
  try {
    return parseCsrPem(csrPem, keyPolicy);
  } catch (error) {
    throw error instanceof CastellanError ? signingError(error) : error;
  }
}
