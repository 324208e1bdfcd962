import { equalBytes } from '../base/bytes.ts';
import { type Certificate, type Crl, isSignedBy } from '../x509/index.ts';
import { authorityErrors } from './errors.ts';
import type { PluggedFiles } from './ports.ts';

interface CheckContext {
  readonly names: PluggedFiles['names'];
  readonly now: number;
}

interface SigningChain {
  /** The certificate that signs leaves. */
  readonly certificate: Certificate;
  readonly chain: readonly Certificate[];
  readonly roots: readonly Certificate[];
}

/** The path validator reads a leaf and this many more. */
const maxChain = 7;

/**
 * P2: what signs is a CA, valid now, reaches a root, and peers are given every step of the way. Returns the path,
 * signer first, root last.
 */
export function checkSigningChain(material: SigningChain, context: CheckContext): readonly Certificate[] {
  const { certificate, chain, roots } = material;
  const { names, now } = context;
  if (!maySign(certificate))
    throw authorityErrors.CACERTS_NOT_A_CA({
      message: `the certificate in \`${names.certificate}\` is not a CA`,
    });
  checkValidNow(certificate, names.certificate, now);
  if (chain.length > maxChain)
    throw authorityErrors.CACERTS_CHAIN_BROKEN({
      message: `\`${names.chain}\` holds more than ${maxChain} certificates`,
    });
  const path = findPath(material, (step) => now >= step.notBefore && now <= step.notAfter);
  if (path === undefined) throw explainNoPath(material, context);
  const isGiven = [...chain, ...roots].some((given) => isSameAuthority(given, certificate));
  if (!isGiven)
    throw authorityErrors.CACERTS_CHAIN_BROKEN({
      message: `\`${names.chain}\` lacks the certificate of \`${names.certificate}\`: peers could not verify any leaf`,
    });
  return path;
}

/** The same search without a look at the dates tells an expired step from a missing one. */
function explainNoPath(material: SigningChain, { names, now }: CheckContext): Error {
  const path = findPath(material, () => true);
  if (path === undefined)
    return authorityErrors.CACERTS_CHAIN_BROKEN({
      message: `the certificate in \`${names.certificate}\` does not verify to \`${names.roots}\` through \`${names.chain}\``,
    });
  for (const step of path) checkValidNow(step, `${names.chain}, ${names.roots}`, now);
  return authorityErrors.CACERTS_CHAIN_BROKEN();
}

/**
 * From the signer up to a root, each signed by the next, right to be where it is, and `usable`. Bounded: no more than
 * a fixed depth of a chain of few certificates, each at most once on a path.
 */
function findPath(
  { certificate, chain, roots }: SigningChain,
  usable: (step: Certificate) => boolean,
): readonly Certificate[] | undefined {
  const rootIds = new Set(roots.map((root) => root.sha256));
  const candidates = [...roots, ...chain].filter((candidate) => maySign(candidate) && usable(candidate));
  const queue: Certificate[][] = [[certificate]];
  const seen = new Set([certificate.sha256]);
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    const last = path.at(-1) as Certificate;
    if (rootIds.has(last.sha256)) return path;
    for (const issuer of candidates) {
      const isAllowed = path.length <= (issuer.pathLength ?? maxChain);
      if (seen.has(issuer.sha256) || !isAllowed || !equalBytes(issuer.subjectDer, last.issuerDer)) continue;
      if (!isSignedBy(last, issuer)) continue;
      seen.add(issuer.sha256);
      queue.push([...path, issuer]);
    }
  }
  return undefined;
}

function maySign(certificate: Certificate): boolean {
  return certificate.isCa && certificate.keyUsage?.has('keyCertSign') !== false;
}

function isSameAuthority(a: Certificate, b: Certificate): boolean {
  return equalBytes(a.subjectDer, b.subjectDer) && a.publicKey.spkiSha256 === b.publicKey.spkiSha256;
}

function checkValidNow(certificate: Certificate, file: string, now: number): void {
  const iso = (ms: number) => new Date(ms).toISOString();
  if (now > certificate.notAfter)
    throw authorityErrors.CACERTS_EXPIRED({
      message: `\`${file}\`: the certificate with serial ${certificate.serial} has expired at ${iso(certificate.notAfter)}`,
    });
  if (now < certificate.notBefore)
    throw authorityErrors.CACERTS_EXPIRED({
      message: `\`${file}\`: the certificate with serial ${certificate.serial} is valid only from ${iso(certificate.notBefore)}`,
    });
}

/**
 * P3: if CRLs are given, every CA of the chain has one that it signed, and none of them takes the chain back.
 * Returns warnings. An empty file clears what was there before.
 */
export function checkCrls(
  material: { certificate: Certificate; chain: readonly Certificate[]; crls: readonly Crl[] },
  { names, now }: CheckContext,
): string[] {
  const { certificate, chain, crls } = material;
  if (crls.length === 0) return [];
  const authorities = [...new Map([certificate, ...chain].map((ca) => [ca.sha256, ca])).values()];
  const warnings: string[] = [];
  for (const ca of authorities) {
    const own = crls.filter((crl) => crl.isIssuedBy(ca));
    if (own.length === 0)
      throw authorityErrors.CACERTS_CRL_MISSING({
        message: `\`${names.crl}\` has no CRL signed by the CA with serial ${ca.serial} of \`${names.chain}\``,
      });
    if (!own.some((crl) => crl.isCurrent(now)))
      warnings.push(`every CRL of the CA with serial ${ca.serial} in ${names.crl} is out of date`);
    const revoked = authorities.find((other) => isRevokedBy(own, other, ca));
    if (revoked !== undefined)
      throw authorityErrors.CACERTS_CHAIN_BROKEN({
        message: `\`${names.crl}\` revokes the CA with serial ${revoked.serial} of the chain itself`,
      });
  }
  return warnings;
}

function isRevokedBy(crls: readonly Crl[], certificate: Certificate, issuer: Certificate): boolean {
  return (
    equalBytes(certificate.issuerDer, issuer.subjectDer) &&
    crls.some((crl) => crl.isRevoked(certificate.serial))
  );
}
