import { type Certificate, parseCertificate } from './certificate.ts';
import { Header, plainBytes } from './der-reader.ts';
import { x509Errors } from './errors.ts';
import { maxBundleCertificates, maxCertificateBytes } from './limits.ts';

/**
 * Reads certificates that follow each other as DER without anything between, as the Workload API sends chains and
 * bundles (W-16). May be none. Throws CERTIFICATE_MALFORMED, DER_MALFORMED, KEY_REFUSED.
 */
export function parseCertificatesDer(
  concatenated: Uint8Array,
  maxCertificates = maxBundleCertificates,
): Certificate[] {
  const bytes = plainBytes(concatenated);
  if (bytes.length > maxCertificates * maxCertificateBytes)
    throw x509Errors.CERTIFICATE_MALFORMED({ message: `longer than ${maxCertificates} certificates can be` });
  const certificates: Certificate[] = [];
  const header = new Header();
  for (let at = 0; at < bytes.length; at = header.end) {
    if (certificates.length === maxCertificates)
      throw x509Errors.CERTIFICATE_MALFORMED({ message: `more than ${maxCertificates} certificates` });
    header.read(bytes, at, bytes.length);
    certificates.push(parseCertificate(bytes.subarray(at, header.end)));
  }
  return certificates;
}
