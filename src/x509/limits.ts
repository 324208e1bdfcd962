import type { DerLimits } from './der-gate.ts';

/** The largest CSR, in bytes of DER (C10). */
export const maxCsrBytes = 16 * 1024;
/** The largest PEM text that can hold such a CSR, line ends of any common width included. */
export const maxCsrPemChars = 24 * 1024;
/** The largest certificate, in bytes of DER. */
export const maxCertificateBytes = 16 * 1024;
/** The largest PEM file of certificates, and how many it may hold. */
export const maxBundlePemChars = 1024 * 1024;
export const maxBundleCertificates = 256;
/** RFC 5280 bounds every common attribute far below this; a longer subject is an attack (C18). */
export const maxSubjectBytes = 1024;
/** Attributes of a CSR (C25) and names in one SAN (C23). */
export const maxCsrAttributes = 8;
export const maxSanEntries = 64;
export const maxExtensions = 32;
export const maxCrlBytes = 16 * 1024 * 1024;
export const maxCrlPemChars = 24 * 1024 * 1024;

export const csrLimits: DerLimits = { maxBytes: maxCsrBytes, maxDepth: 20, maxNodes: 1500, strictText: true };
export const certificateLimits: DerLimits = {
  maxBytes: maxCertificateBytes,
  maxDepth: 24,
  maxNodes: 4000,
  strictText: false,
};
export const crlLimits: DerLimits = {
  maxBytes: maxCrlBytes,
  maxDepth: 16,
  maxNodes: 4_000_000,
  strictText: false,
};
