import { defineErrors } from '../base/errors.ts';

/** The first four codes are also Istio's labels of `citadel_server_csr_sign_err_count{error}` (csr-api.md §1.4). */
export const authorityErrors = defineErrors({
  TTL_ERROR: {
    kind: 'invalid',
    message: 'the requested lifetime cannot be granted',
    next: 'ask for a lifetime between 1 second and the maximum, or for 0 to get the default',
  },
  CA_NOT_READY: {
    kind: 'internal',
    message: 'Istio CA is not ready',
    next: 'look at readiness and the server log: they name what the authority is waiting for',
  },
  CERT_GEN_ERROR: {
    kind: 'internal',
    message: 'the certificate could not be made',
    next: 'look up the request id in the server log',
  },
  AUTHORITY_SETTINGS_INVALID: {
    kind: 'invalid',
    message: 'the settings of the authority contradict each other',
    next: 'correct the settings that the message names',
  },
  AUTHORITY_MISSING: {
    kind: 'precondition',
    message: 'there is no authority in the state directory',
    next: 'run castellan init for a new one, or restore the directory from a backup',
  },
  AUTHORITY_EXISTS: {
    kind: 'precondition',
    message: 'the authority directory is not empty',
    next: 'start the server with the authority that is there, or choose another state directory',
  },
  AUTHORITY_TRUST_DOMAIN: {
    kind: 'precondition',
    message: 'the authority belongs to another trust domain',
    next: 'set the trust domain that the authority was made for, or choose another state directory',
  },
  AUTHORITY_JOURNAL_DAMAGED: {
    kind: 'precondition',
    message: 'the journal of the authority cannot be read',
    next: 'restore the state directory from a backup; nothing was changed',
  },
  AUTHORITY_JOURNAL_TAKEN: {
    kind: 'conflict',
    message: 'another process has changed the journal of the authority',
    next: 'run one server on a state directory; restart this one if it is the one to stay',
  },
  AUTHORITY_KEY_MISSING: {
    kind: 'precondition',
    message: 'a key of the authority is missing',
    next: 'restore the key from a backup; a new one is never made in its place',
  },
  AUTHORITY_KEY_MISMATCH: {
    kind: 'precondition',
    message: 'a key does not belong to its certificate',
    next: 'put back the key that the certificate was made for',
  },
  AUTHORITY_ROOT_EXPIRED: {
    kind: 'precondition',
    message: 'the root certificate has expired',
    next: 'make a new authority; every workload needs the new root',
  },
  ROTATION_PLUGGED_IN: {
    kind: 'precondition',
    message: 'the certificates of this authority are plugged in: it cannot make others',
    next: 'put the new certificates into the directory they come from, in the steps that castellan rotate stage makes; castellan rotate plan root says how far it is',
  },
  ROTATION_GATE_CLOSED: {
    kind: 'precondition',
    message: 'the next step has to wait',
    next: 'see who it waits for: castellan rotate status; --leave-behind NAME goes on without them',
  },
  ROTATION_NOTHING_TO_DO: {
    kind: 'precondition',
    message: 'there is nothing to do',
    next: 'see where the rotation is: castellan rotate status',
  },
  ROTATION_PAST_ROLLBACK: {
    kind: 'precondition',
    message: 'there is no step to take back',
    next: 'see where the rotation is: castellan rotate status; a new one can be begun: castellan rotate next',
  },
  ROTATION_ROLE_UNKNOWN: {
    kind: 'invalid',
    message: 'this kind of key is not rotated here',
    next: 'root, intermediate or jwt',
  },
  AUTHORITY_UNKNOWN: {
    kind: 'not-found',
    message: 'no authority has this id',
    next: 'list them: castellan rotate status',
  },
  AUTHORITY_STILL_SIGNS: {
    kind: 'precondition',
    message: 'the authority still signs',
    next: 'let another take over first: castellan rotate now ROLE --force REASON',
  },
  CACERTS_INCOMPLETE: {
    kind: 'precondition',
    message: 'the directory with the CA certificates lacks files',
    next: 'put all four files of one layout into the directory, or none',
  },
  CACERTS_UNREADABLE: {
    kind: 'precondition',
    message: 'a file with CA certificates cannot be read',
    next: 'correct the file that the message names',
  },
  CACERTS_KEY_MISMATCH: {
    kind: 'precondition',
    message: 'the signing key does not belong to the signing certificate',
    next: 'replace the key and the certificate together',
  },
  CACERTS_NOT_A_CA: {
    kind: 'precondition',
    message: 'a certificate may not sign others',
    next: 'use a certificate with CA:TRUE and key usage keyCertSign',
  },
  CACERTS_CHAIN_BROKEN: {
    kind: 'precondition',
    message: 'the signing certificate does not verify to the roots',
    next: 'put every certificate between the signing certificate and the roots into the chain file',
  },
  CACERTS_EXPIRED: {
    kind: 'precondition',
    message: 'a CA certificate is not valid now',
    next: 'renew the certificate that the message names',
  },
  CACERTS_CRL_MISSING: {
    kind: 'precondition',
    message: 'a CA of the chain has no usable revocation list',
    next: 'add a CRL signed by every CA of the chain to ca-crl.pem, or remove the file',
  },
  CACERTS_ROOTS_SWAPPED: {
    kind: 'precondition',
    message: 'the new roots neither contain the old ones nor are contained in them',
    next: 'castellan rotate stage --from OLD --to NEW --out DIR makes the steps in between: old and new roots together, one leaf lifetime later the new signer, and another later the new roots alone',
  },
});
