import { CastellanError, defineErrors } from '../../base/errors.ts';

const explain = 'an operator can look up the reason with castellan explain and the request id of the answer';

/** Messages are Istio's, word for word: clients and dashboards match on them (csr-api.md §1.4). */
export const csrErrors = defineErrors({
  AUTHENTICATION_FAILED: { kind: 'unauthenticated', message: 'request authenticate failure', next: explain },
  /** M12, under `csr.strict`. */
  CREDENTIALS_DISAGREE: {
    kind: 'denied',
    message: 'request authenticate failure: certificate and token name different callers',
    next: 'send the token that belongs to the certificate, or none',
  },
  IMPERSONATION_FAILED: {
    kind: 'unauthenticated',
    message: 'request impersonation authentication failure',
    next: explain,
  },
  AUTHENTICATION_UNAVAILABLE: {
    kind: 'unavailable',
    message: 'the credential cannot be judged now',
    next: 'call again; what judges it is away',
  },
  SOURCE_RATE_LIMITED: {
    kind: 'exhausted',
    message: 'too many requests from this address',
    next: 'wait as long as the answer says, then call again',
  },
  IDENTITY_RATE_LIMITED: {
    kind: 'exhausted',
    message: 'too many requests of this identity',
    next: 'wait as long as the answer says, then call again',
  },
  ISSUANCE_OVERLOADED: {
    kind: 'exhausted',
    message: 'too many certificates are being issued',
    next: 'wait and call again with back-off',
  },
  CSR_NAMES_REFUSED: {
    kind: 'denied',
    message: 'the certificate signing request asks for names or rights that the caller does not have',
    next: 'send a request without names, or with the identity of the caller only',
  },
  IDEMPOTENCY_KEY_MALFORMED: {
    kind: 'invalid',
    message: 'the idempotency key is not 1 to 128 printable ASCII characters',
    next: 'send one idempotency-key, such as a UUID, or none',
  },
});

/** Istio's two sentences for a CSR that cannot be read, by our code. */
const istioDetails: Readonly<Record<string, string>> = {
  PEM_MALFORMED: 'certificate signing request is not properly encoded',
  DER_MALFORMED: 'failed to parse X.509 certificate signing request',
  CSR_MALFORMED: 'failed to parse X.509 certificate signing request',
};

/** `CSR signing error (<detail>)` around an error of CSR or authority; code, kind and next step stay as they are. */
export function signingError(error: CastellanError): CastellanError {
  const detail = istioDetails[error.code] ?? error.publicMessage;
  return new CastellanError(
    error.code,
    { kind: error.kind, message: `CSR signing error (${detail})`, next: error.next },
    { details: error.details, cause: error },
  );
}
