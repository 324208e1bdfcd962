import { type Certificate, parseCertificatesPem } from '../../src/x509/index.ts';

/** The certificates in a PEM text, read by our strict reader. */
export const parsePem = (pem: string): readonly Certificate[] => parseCertificatesPem(pem);

/** The leaf of an answer, which must be one certificate in one string. */
export function leafOf(chain: readonly string[]): Certificate {
  const found = parseCertificatesPem(chain[0] ?? '');
  if (found.length !== 1) throw new Error('the first element is not one certificate');
  return found[0] as Certificate;
}
