import { defineErrors } from '../base/errors.ts';

export const x509Errors = defineErrors({
  DER_MALFORMED: {
    kind: 'invalid',
    message: 'not canonical DER',
    next: 'encode it again with a DER encoder; BER, trailing bytes and non-minimal lengths are refused',
  },
  PEM_MALFORMED: {
    kind: 'invalid',
    message: 'not a PEM document of the expected kind',
    next: 'send the blocks as openssl writes them, base64 in lines between BEGIN and END',
  },
  CSR_TOO_LARGE: {
    kind: 'invalid',
    message: 'the certificate signing request is larger than 16 KiB',
    next: 'send a request with a subject under 1 KiB and few names: only its public key is used',
  },
  CSR_MALFORMED: {
    kind: 'invalid',
    message: 'not a PKCS #10 certificate signing request',
    next: 'make the request anew, for example with openssl req -new',
  },
  CSR_SIGNATURE_INVALID: {
    kind: 'invalid',
    message: 'the signature of the certificate signing request does not verify with its own key',
    next: 'sign the request with the private key whose public key it carries',
  },
  SIGNATURE_ALGORITHM_REFUSED: {
    kind: 'invalid',
    message: 'the signature algorithm is not allowed',
    next: 'use ECDSA or RSA PKCS #1 v1.5 with SHA-256, SHA-384 or SHA-512, or Ed25519 where it is enabled',
  },
  KEY_REFUSED: {
    kind: 'invalid',
    message: 'the public key is not allowed',
    next: 'use a new key: ECDSA P-256 or P-384, or RSA of 2048, 3072 or 4096 bits with exponent 65537',
  },
  KEY_BLOCKED: {
    kind: 'invalid',
    message: 'the public key is on the list of blocked keys',
    next: 'make a new key; this one is known to others or was revoked',
  },
  KEY_IS_ISSUER_KEY: {
    kind: 'invalid',
    message: 'the public key is the key of the certificate authority itself',
    next: 'make a new key for the workload',
  },
  CERTIFICATE_MALFORMED: {
    kind: 'invalid',
    message: 'not an acceptable X.509 certificate',
    next: 'inspect the certificate with castellan inspect --lint',
  },
  CRL_MALFORMED: {
    kind: 'invalid',
    message: 'not an acceptable X.509 v2 certificate revocation list',
    next: 'let the authority that owns the list write it again',
  },
  IP_ADDRESS_MALFORMED: {
    kind: 'invalid',
    message: 'not an IP address',
    next: 'write an IPv4 address as 10.0.0.1 or an IPv6 address as 2001:db8::1',
  },
  LINT_FAILED: {
    kind: 'internal',
    message: 'a certificate was not signed because a lint refused it',
    next: 'report the named lint: the certificate profile or the issuer is wrong',
  },
  SIGNER_FAILED: {
    kind: 'internal',
    message: 'the signer did not return a signature that fits the certificate',
    next: 'check that the signing key belongs to the issuing certificate',
  },
});
