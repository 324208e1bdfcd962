/**
 * Lints: one-idea rules over the exact bytes that are about to be signed (adversaries.md §2.4), and over foreign
 * certificates for `inspect --lint`. A rule that needs facts which are absent holds.
 */
import { SpiffeId } from '../spiffe/index.ts';
import type { Certificate } from './certificate.ts';
import {
  decodeExtensions,
  type KnownExtensions,
  readTbs,
  type TbsStructure,
} from './certificate-structure.ts';
import { checkDer } from './der-gate.ts';
import { x509Errors } from './errors.ts';
import type { LeafProfile } from './leaf-profile.ts';
import { certificateLimits } from './limits.ts';

/** What is known about the certificate from elsewhere. Everything is optional for foreign certificates. */
export interface LintContext {
  readonly now?: number;
  readonly issuer?: Certificate;
  readonly profile?: LeafProfile;
  readonly spiffeId?: SpiffeId;
  readonly spkiDer?: Uint8Array;
  /** The identifier of the key in `spkiDer`, where it is known already. */
  readonly keyId?: Uint8Array;
  readonly commonName?: string | undefined;
  /** Octets that the signature will add. */
  readonly signatureBytes?: number;
}

export interface LintView {
  readonly tbsDer: Uint8Array;
  readonly tbs: TbsStructure;
  readonly known: KnownExtensions;
  /** The one URI among the names, when it is a SPIFFE ID. */
  readonly uriId: SpiffeId | undefined;
  readonly context: LintContext;
}

export interface LintRule {
  readonly name: string;
  /** What is wrong when it does not hold. */
  readonly problem: string;
  /** A warning breaks our profile and no standard; when we issue, every rule must hold. */
  readonly severity: 'error' | 'warning';
  readonly holds: (view: LintView) => boolean;
}

export interface LintFinding {
  readonly lint: string;
  readonly severity: 'error' | 'warning';
  readonly message: string;
}

declare const linted: unique symbol;
/** A TBSCertificate that passed every lint: the only thing `signTbs` signs. */
export type LintedTbs = Uint8Array & { readonly [linted]: true };

export const rule = (
  name: string,
  problem: string,
  holds: (view: LintView) => boolean,
  severity: LintRule['severity'] = 'error',
): LintRule => Object.freeze({ name, problem, severity, holds });

function viewOf(tbsDer: Uint8Array, context: LintContext): LintView {
  const tbs = readTbs(tbsDer);
  const known = decodeExtensions(tbs.extensions);
  const uris = known.san?.uris ?? [];
  const uriId = uris.length === 1 ? asSpiffeId(uris[0] as string, context) : undefined;
  return { tbsDer, tbs, known, uriId, context };
}

/** Text equal to that of an ID we hold is that ID, which was parsed once already. */
function asSpiffeId(uri: string, { spiffeId }: LintContext): SpiffeId | undefined {
  return uri === spiffeId?.uri ? spiffeId : SpiffeId.tryParse(uri);
}

/** Returns the bytes as signable, or throws LINT_FAILED naming the first lint that refuses them. */
export function requireLinted(
  tbsDer: Uint8Array,
  rules: readonly LintRule[],
  context: LintContext,
): LintedTbs {
  let view: LintView;
  try {
    checkDer(tbsDer, certificateLimits);
    view = viewOf(tbsDer, context);
  } catch (cause) {
    throw lintFailed('structure', 'the certificate cannot be read back', cause);
  }
  for (const { name, problem, holds } of rules) if (!holds(view)) throw lintFailed(name, problem);
  return tbsDer as LintedTbs;
}

function lintFailed(lint: string, problem: string, cause?: unknown): Error {
  return x509Errors.LINT_FAILED({
    message: `a certificate was not signed: lint ${lint}: ${problem}`,
    details: { lint },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Every finding, for a human. Bytes that cannot be read give the one finding `structure`. */
export function findLints(
  tbsDer: Uint8Array,
  rules: readonly LintRule[],
  context: LintContext,
): LintFinding[] {
  let view: LintView;
  try {
    view = viewOf(tbsDer, context);
  } catch (error) {
    return [{ lint: 'structure', severity: 'error', message: (error as Error).message }];
  }
  return rules
    .filter((candidate) => !candidate.holds(view))
    .map(({ name, severity, problem }) => ({ lint: name, severity, message: problem }));
}
