import { beforeAll, describe, expect, it } from 'vitest';
import {
  authorityConstraints,
  authorityUsage,
  bothPurposes,
  buildTbs,
  type CertificateParts,
  extKeyUsage,
  keyUsage,
  leafConstraints,
  leafUsage,
} from '../../test/support/certificate.ts';
import { commonName, extension, ia5Name, nameWith, san, uriSan } from '../../test/support/csr.ts';
import { day, hour, makePki, newKey, type TestPki, testNow } from '../../test/support/pki.ts';
import { fromHex } from '../base/bytes.ts';
import { parseTrustDomain, SpiffeId } from '../spiffe/index.ts';
import { context } from './der-reader.ts';
import { derOctetString, derSequence, derUtf8String, derValue } from './der-writer.ts';
import { type KeyAlgorithm, leafProfile, publicKeyOf } from './index.ts';
import { findLints, type LintContext, type LintRule, requireLinted } from './lint.ts';
import { authorityRules } from './lint-authority.ts';
import { leafRules } from './lint-leaf.ts';
import { oids } from './oids.ts';

const id = SpiffeId.parse('spiffe://cluster.local/ns/shop/sa/cart');
const key = newKey();
const spkiDer = publicKeyOf(key).spkiDer;
let pki: TestPki;

beforeAll(async () => {
  pki = await makePki();
});

const ski = (keyId: Uint8Array) => extension(oids.subjectKeyId, derOctetString(keyId));
const aki = (keyId: Uint8Array, critical = false) =>
  extension(oids.authorityKeyId, derSequence(derValue(context(0), keyId)), critical);
const ownSki = () => ski(publicKeyOf(key).keyId);
const issuersKeyId = () => pki.intermediate.certificate.subjectKeyId as Uint8Array;

/** The extensions of our profile, with some replaced by OID; an empty array drops one. */
function extensionsWith(replaced: Record<string, Uint8Array[]> = {}): Uint8Array[] {
  const own: [string, Uint8Array][] = [
    [oids.keyUsage, leafUsage()],
    [oids.extKeyUsage, bothPurposes()],
    [oids.basicConstraints, leafConstraints()],
    [oids.subjectKeyId, ownSki()],
    [oids.authorityKeyId, aki(issuersKeyId())],
    [oids.subjectAltName, uriSan(id.uri)],
  ];
  return [...own.flatMap(([oid, value]) => replaced[oid] ?? [value]), ...(replaced['more'] ?? [])];
}

function leafContext(): LintContext {
  return {
    now: testNow,
    issuer: pki.intermediate.certificate,
    profile: leafProfile({ trustDomain: parseTrustDomain('cluster.local') }),
    spiffeId: id,
    spkiDer,
    signatureBytes: 73,
  };
}

function leafTbs(parts: CertificateParts = {}, signer = pki.intermediateKey): Uint8Array {
  return buildTbs(key, signer, {
    issuerDer: pki.intermediate.certificate.subjectDer,
    extensions: extensionsWith(),
    ...parts,
  });
}

const replacing = (oid: string, ...values: Uint8Array[]): CertificateParts => ({
  extensions: extensionsWith({ [oid]: values }),
});

/** One way to break each rule of a leaf. */
const broken: Record<string, () => CertificateParts> = {
  version_is_v3: () => ({ version: fromHex('a003020101') }),
  serial_is_positive: () => ({ serial: Uint8Array.of(0) }),
  serial_fits_20_octets: () => ({ serial: new Uint8Array(21).fill(1) }),
  signature_algorithm_allowed: () => ({ algorithmDer: fromHex('300906072a8648ce3d0401') }),
  signature_algorithm_fits_issuer: () => ({ algorithmDer: fromHex('300a06082a8648ce3d040303') }),
  issuer_is_issuers_subject: () => ({ issuerDer: commonName('somebody else') }),
  issuer_is_named: () => ({ issuerDer: derSequence() }),
  validity_in_order: () => ({ notBefore: testNow - hour, notAfter: testNow - hour }),
  validity_has_begun: () => ({ notBefore: testNow + 1000 }),
  ends_with_issuer: () => ({ notAfter: testNow + 31 * day }),
  no_unique_ids: () => ({ beforeExtensions: derValue(context(1), fromHex('00ff')) }),
  no_duplicate_extension: () => replacing('more', leafUsage()),
  no_unknown_critical_extension: () => replacing('more', extension('1.2.3', fromHex('0500'), true)),
  key_allowed: () => ({ spkiDer: derSequence(fromHex('300506032b656e'), fromHex('03020000')) }),
  key_usage_critical: () => replacing(oids.keyUsage, extension(oids.keyUsage, fromHex('030205a0'))),
  basic_constraints_critical: () =>
    replacing(oids.basicConstraints, extension(oids.basicConstraints, derSequence())),
  subject_key_id_is_key_hash: () => replacing(oids.subjectKeyId, ski(new Uint8Array(20))),
  key_ids_not_critical: () => replacing(oids.authorityKeyId, aki(issuersKeyId(), true)),
  key_is_the_one_asked_for: () => ({ spkiDer: publicKeyOf(newKey()).spkiDer }),
  lifetime_within_maximum: () => ({ notBefore: testNow - 89 * day, notAfter: testNow + 2 * day }),
  one_uri: () => replacing(oids.subjectAltName, uriSan(id.uri, id.uri)),
  uri_is_spiffe_id: () => replacing(oids.subjectAltName, uriSan('https://cluster.local/x')),
  spiffe_id_has_path: () => replacing(oids.subjectAltName, uriSan('spiffe://cluster.local')),
  spiffe_id_in_trust_domain: () => replacing(oids.subjectAltName, uriSan('spiffe://other.example/x')),
  spiffe_id_is_the_entitled_one: () => replacing(oids.subjectAltName, uriSan('spiffe://cluster.local/y')),
  san_critical_without_subject: () =>
    replacing(oids.subjectAltName, extension(oids.subjectAltName, derSequence(ia5Name(6, id.uri)))),
  san_critical: () =>
    replacing(oids.subjectAltName, extension(oids.subjectAltName, derSequence(ia5Name(6, id.uri)))),
  other_names_allowed: () => replacing(oids.subjectAltName, san(ia5Name(6, id.uri), ia5Name(2, 'a.example'))),
  dns_names_plain: () => replacing(oids.subjectAltName, san(ia5Name(6, id.uri), ia5Name(2, 'a*.example'))),
  not_an_authority: () => replacing(oids.basicConstraints, authorityConstraints()),
  signs_digitally: () => replacing(oids.keyUsage, keyUsage(2)),
  signs_no_certificates: () => replacing(oids.keyUsage, keyUsage(0, 2, 5)),
  key_usage_of_profile: () => replacing(oids.keyUsage, keyUsage(0, 2, 4)),
  server_and_client: () => replacing(oids.extKeyUsage, extKeyUsage(oids.serverAuth)),
  authority_key_id_is_issuers: () => replacing(oids.authorityKeyId, aki(new Uint8Array(20))),
  key_is_not_issuers: () => ({ spkiDer: pki.intermediate.certificate.publicKey.spkiDer }),
  subject_empty_or_name_asked_for: () => ({ subjectDer: commonName('cart') }),
  extensions_of_profile: () => replacing('more', extension('1.2.3', fromHex('0500'))),
  size_under_4_kib: () => ({ subjectDer: nameWith(oids.organization, derUtf8String('x'.repeat(4000))) }),
};

const namesOf = (rules: readonly LintRule[]) => rules.map(({ name }) => name);

describe('lints of leaves', () => {
  it('hold for our own profile', () => {
    expect(findLints(leafTbs(), leafRules, leafContext())).toEqual([]);
    expect(requireLinted(leafTbs(), leafRules, leafContext())).toBeInstanceOf(Uint8Array);
  });

  it('each have a certificate below that breaks them, and number more than thirty', () => {
    expect(Object.keys(broken).sort()).toEqual(namesOf(leafRules).sort());
    expect(leafRules.length).toBeGreaterThan(30);
  });

  it.each(Object.keys(broken))('%s refuses its broken certificate, and signing stops', (name) => {
    const tbs = leafTbs((broken[name] as () => CertificateParts)());
    expect(findLints(tbs, leafRules, leafContext()).map(({ lint }) => lint)).toContain(name);
    expect(() => requireLinted(tbs, leafRules, leafContext())).toThrow(
      expect.objectContaining({ code: 'LINT_FAILED', kind: 'internal' }),
    );
  });

  it('name themselves in the error (spiffe:X-14)', () => {
    const tbs = leafTbs(replacing(oids.keyUsage, keyUsage(0, 5)));
    expect(() => requireLinted(tbs, leafRules, leafContext())).toThrow(
      expect.objectContaining({
        message:
          'a certificate was not signed: lint signs_no_certificates: key usage has keyCertSign or cRLSign',
        details: { lint: 'signs_no_certificates' },
      }),
    );
  });

  it('do not sign bytes that cannot be read back (adv:S15)', () => {
    const generalized = derSequence(
      fromHex('180f32303236303630313132303030305a'),
      fromHex('170d3236303830313132303030305a'),
    );
    for (const tbs of [leafTbs({ validityDer: generalized }), leafTbs().subarray(1), new Uint8Array(0)])
      expect(() => requireLinted(tbs, leafRules, leafContext())).toThrow(
        expect.objectContaining({ code: 'LINT_FAILED', details: { lint: 'structure' } }),
      );
  });

  it('let a CN through that was asked for, and names that the profile allows', () => {
    const allowing = leafProfile({ trustDomain: id.trustDomain, allowOtherNames: true });
    const named = { ...leafContext(), commonName: 'cart', profile: allowing };
    const names = san(
      ia5Name(6, id.uri),
      ia5Name(2, 'cart.shop.svc'),
      derValue(context(7), Uint8Array.of(10, 0, 0, 1)),
    );
    const tbs = leafTbs({ subjectDer: commonName('cart'), ...replacing(oids.subjectAltName, names) });
    expect(findLints(tbs, leafRules, named)).toEqual([]);
  });
});

describe('lints of authorities', () => {
  const authorityTbs = (parts: CertificateParts = {}, algorithm: KeyAlgorithm = 'P-256') => {
    const own = newKey(algorithm);
    return buildTbs(own, pki.rootKey, {
      issuerDer: pki.root.certificate.subjectDer,
      subjectDer: commonName('an authority'),
      extensions: authorityExtensions(publicKeyOf(own).keyId),
      ...parts,
    });
  };
  const authorityExtensions = (keyId: Uint8Array, replaced: Record<string, Uint8Array[]> = {}) =>
    Object.entries({
      [oids.keyUsage]: [authorityUsage()],
      [oids.basicConstraints]: [authorityConstraints(0)],
      [oids.subjectKeyId]: [ski(keyId)],
      [oids.authorityKeyId]: [aki(pki.root.certificate.subjectKeyId as Uint8Array)],
      [oids.subjectAltName]: [uriSan('spiffe://cluster.local')],
      ...replaced,
    }).flatMap(([, values]) => values);
  const withExtension = (oid: string, ...values: Uint8Array[]) => ({
    extensions: authorityExtensions(new Uint8Array(20), { [oid]: values }),
  });
  const found = (parts?: CertificateParts) =>
    findLints(authorityTbs(parts), authorityRules, { issuer: pki.root.certificate }).map(({ lint }) => lint);

  it('hold for an authority of ours', () => expect(found()).toEqual([]));

  it.each<[string, () => CertificateParts]>([
    ['is_an_authority', () => withExtension(oids.basicConstraints, leafConstraints())],
    ['signs_certificates', () => withExtension(oids.keyUsage, keyUsage(6))],
    ['signs_crls', () => withExtension(oids.keyUsage, keyUsage(5))],
    ['authority_does_only_that', () => withExtension(oids.keyUsage, keyUsage(0, 5, 6))],
    ['subject_is_named', () => ({ subjectDer: derSequence() })],
    ['spiffe_id_has_no_path', () => withExtension(oids.subjectAltName, uriSan('spiffe://cluster.local/ca'))],
    ['is_an_svid', () => withExtension(oids.subjectAltName)],
    ['authority_key_id_is_issuers', () => withExtension(oids.authorityKeyId)],
    ['no_ext_key_usage', () => withExtension(oids.extKeyUsage, bothPurposes())],
  ])('%s refuses its broken certificate', (name, parts) => expect(found(parts())).toContain(name));

  it('have no rule without such a certificate', () => {
    const shared = new Set(Object.keys(broken));
    expect(
      namesOf(authorityRules)
        .filter((name) => !shared.has(name))
        .sort(),
    ).toEqual([
      'authority_does_only_that',
      'is_an_authority',
      'is_an_svid',
      'no_ext_key_usage',
      'signs_certificates',
      'signs_crls',
      'spiffe_id_has_no_path',
      'subject_is_named',
    ]);
  });
});
