import { createPublicKey, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  authorityConstraints,
  authorityUsage,
  bothPurposes,
  buildCertificate,
  extKeyUsage,
  keyUsage,
  leafConstraints,
  leafUsage,
  makeAuthority,
  makeTestLeaf,
  nameConstraints,
  nameOf,
} from '../../test/support/certificate.ts';
import { commonName, extension, ia5Name, san, uriSan } from '../../test/support/csr.ts';
import {
  accepts,
  below,
  leaf,
  leafWith,
  middle,
  options,
  refuses,
  root,
  seen,
  uri,
  validate,
} from '../../test/support/path-scene.ts';
import { day, hour, newKey, testNow } from '../../test/support/pki.ts';
import { fromHex } from '../base/bytes.ts';
import { context } from './der-reader.ts';
import { derOctetString, derOid, derSequence, derValue } from './der-writer.ts';
import { type PathReason, pathReasons, validatePath } from './index.ts';
import { oids } from './oids.ts';

describe('a path', () => {
  it('from the leaf to a root of its own trust domain is accepted (spiffe:X-17)', () => {
    const result = validate([leaf, middle.certificate.der]);
    expect(result).toMatchObject({ ok: true, spiffeId: { uri } });
    expect(result.ok && result.path.map((c) => c.sha256)).toEqual([
      expect.any(String),
      middle.certificate.sha256,
      root.certificate.sha256,
    ]);
  });

  it('may be presented in any order, with the root, a stranger, or the same certificate twice in it', () => {
    const stranger = makeAuthority('stranger').certificate.der;
    accepts([leaf, root.certificate.der, middle.certificate.der]);
    accepts([leaf, stranger, middle.certificate.der]);
    accepts([leaf, middle.certificate.der, middle.certificate.der]);
  });

  it('may end in an authority that is not self-signed, when the bundle holds it', () => {
    accepts([leaf], { roots: [middle.certificate] });
  });

  it('is that of the first certificate, whatever stands after it (adv:M11)', () => {
    const other = makeTestLeaf(middle, 'spiffe://td.example/ns/admin/sa/root', { key: newKey() });
    expect(validate([leaf, other, middle.certificate.der])).toMatchObject({ spiffeId: { uri } });
    expect(validate([other, leaf, middle.certificate.der])).toMatchObject({
      spiffeId: { uri: 'spiffe://td.example/ns/admin/sa/root' },
    });
  });

  it('is found when two roots share a name and only one signed', () => {
    const twin = makeAuthority('root');
    accepts([leaf, middle.certificate.der], { roots: [twin.certificate, root.certificate] });
    refuses([leaf, middle.certificate.der], 'bad_signature', { roots: [twin.certificate] });
  });

  it('is none without certificates', () => refuses([], 'empty'));
});

describe('times', () => {
  it('outside the leaf’s validity are refused, its last second is inside (adv:M01)', () => {
    refuses([leaf, middle.certificate.der], 'not_yet_valid', { now: testNow - hour - 1 });
    accepts([leaf, middle.certificate.der], { now: testNow - hour });
    accepts([leaf, middle.certificate.der], { now: testNow + day + 999 });
    refuses([leaf, middle.certificate.der], 'expired', { now: testNow + day + 1000 });
  });

  it('outside the validity of an authority or of the root are refused', () => {
    const old = makeAuthority('old', root, { notAfter: testNow - 1000 });
    refuses(below(old), 'expired');
    const future = makeAuthority('future', root, { notBefore: testNow + 1000 });
    refuses(below(future), 'not_yet_valid');
    const oldRoot = makeAuthority('old root', undefined, { notAfter: testNow - 1000 });
    refuses([makeTestLeaf(oldRoot)], 'expired', { roots: [oldRoot.certificate] });
  });
});

describe('trust', () => {
  it('is not given to a self-signed certificate with the right SPIFFE ID (adv:M02)', () => {
    const key = newKey();
    const self = buildCertificate(key, key, {
      issuerDer: nameOf('self'),
      subjectDer: nameOf('self'),
      extensions: [leafUsage(), bothPurposes(), leafConstraints(), uriSan(uri)],
    });
    refuses([self], 'unknown_issuer');
    refuses([self, self], 'issuer_not_authority');
  });

  it('is that of the ID’s own trust domain: another domain’s authority vouches for nobody here (adv:M03)', () => {
    const other = makeAuthority('other root');
    const foreign = makeTestLeaf(other, 'spiffe://other.example/x');
    refuses([foreign], 'unknown_trust_domain');
    const rootsFor = (td: string) => (td === 'td.example' ? [root.certificate] : [other.certificate]);
    expect(validatePath([foreign], { ...options(), rootsFor })).toMatchObject({ ok: true });
    const impostor = makeTestLeaf(other, uri);
    expect(validatePath([impostor], { ...options(), rootsFor })).toMatchObject({ reason: 'unknown_issuer' });
  });

  it('is not given to a chain whose signature is by another key of the same name', () => {
    const impostor = makeAuthority('middle', makeAuthority('root'));
    refuses(below(impostor), 'bad_signature');
  });

  it('is none in an empty bundle', () =>
    refuses([leaf, middle.certificate.der], 'unknown_issuer', { roots: [] }));
});

describe('authorities', () => {
  it('that are leaves sign nothing (adv:M04)', () => {
    const key = newKey();
    const issuingLeaf = makeTestLeaf(middle, uri, { key, subjectDer: nameOf('leaf') });
    const child = makeTestLeaf({ key, nameDer: nameOf('leaf'), certificate: middle.certificate }, uri);
    refuses([child, issuingLeaf, middle.certificate.der], 'issuer_not_authority');
    const noConstraints = makeAuthority('no constraints', root, { extensions: [authorityUsage()] });
    refuses(below(noConstraints), 'issuer_not_authority');
  });

  it('without keyCertSign sign nothing (adv:M04)', () => {
    const crlOnly = makeAuthority('crl only', root, { extensions: [authorityConstraints(), keyUsage(6)] });
    refuses(below(crlOnly), 'issuer_key_usage');
  });

  it('stand no deeper than path lengths allow, self-issued ones not counted (adv:M04)', () => {
    const limited = (n: number) => ({ extensions: [authorityConstraints(n), authorityUsage()] });
    const zero = makeAuthority('zero', root, limited(0));
    accepts(below(zero));
    const under = makeAuthority('under zero', zero);
    refuses([...below(under), zero.certificate.der], 'path_length');
    const one = makeAuthority('one', root, limited(1));
    const underOne = makeAuthority('under one', one);
    accepts([...below(underOne), one.certificate.der]);
    const renewed = makeAuthority('zero', zero);
    accepts([...below(renewed), zero.certificate.der]);
  });

  it('with a path length on the root are counted too', () => {
    const strict = makeAuthority('strict root', undefined, {
      extensions: [authorityConstraints(0), authorityUsage()],
    });
    const under = makeAuthority('under strict', strict);
    refuses(below(under), 'path_length', { roots: [strict.certificate] });
    accepts([makeTestLeaf(strict)], { roots: [strict.certificate] });
  });

  it('limited to other purposes vouch for no client (adv:M07)', () => {
    const servers = makeAuthority('servers', root, {
      extensions: [authorityConstraints(), authorityUsage(), extKeyUsage(oids.serverAuth)],
    });
    refuses(below(servers), 'ext_key_usage');
    accepts(below(servers), { purpose: 'server' });
  });

  it('with an unknown critical extension are refused', () => {
    const odd = makeAuthority('odd', root, {
      extensions: [authorityConstraints(), authorityUsage(), extension('1.2.3', fromHex('0500'), true)],
    });
    refuses(below(odd), 'unknown_critical_extension');
  });
});

describe('name constraints for URIs (adv:M05 spiffe:X-10)', () => {
  const constrained = (permitted: Parameters<typeof nameConstraints>[0], excluded: typeof permitted = []) =>
    makeAuthority('constrained', root, {
      extensions: [authorityConstraints(), authorityUsage(), nameConstraints(permitted, excluded)],
    });

  it('admit the trust domain they name, exactly', () => {
    accepts(below(constrained([[6, 'td.example']])));
    refuses(below(constrained([[6, 'td.exampl']])), 'name_constraints');
    refuses(below(constrained([[6, 'example']])), 'name_constraints');
    refuses(below(constrained([[6, 'other.example']])), 'name_constraints');
  });

  it('admit domains below one that begins with a dot, not the domain itself', () => {
    accepts(below(constrained([[6, '.example']])));
    refuses(below(constrained([[6, '.td.example']])), 'name_constraints');
  });

  it('exclude, and exclusion wins', () => {
    refuses(below(constrained([], [[6, 'td.example']])), 'name_constraints');
    refuses(below(constrained([[6, 'td.example']], [[6, '.example']])), 'name_constraints');
    accepts(below(constrained([], [[6, 'other.example']])));
  });

  it('on the root hold for everything below, authorities included', () => {
    const strict = makeAuthority('strict', undefined, {
      extensions: [authorityConstraints(), authorityUsage(), nameConstraints([[6, 'td.example']])],
    });
    const foreign = makeAuthority('foreign', strict, {
      extensions: [authorityConstraints(), authorityUsage(), uriSan('spiffe://other.example')],
    });
    refuses(below(foreign), 'name_constraints', { roots: [strict.certificate] });
    accepts(below(makeAuthority('plain', strict)), { roots: [strict.certificate] });
  });

  it('of other kinds hold too: DNS, addresses, subjects; e-mail is refused since it is not compared', () => {
    const names = san(
      ia5Name(6, uri),
      ia5Name(2, 'cart.shop.example'),
      derValue(context(7), Uint8Array.of(10, 1, 2, 3)),
      ia5Name(1, 'a@shop.example'),
    );
    const extensions = [leafUsage(), leafConstraints(), names];
    const under = (permitted: Parameters<typeof nameConstraints>[0], excluded: typeof permitted = []) =>
      below(constrained(permitted, excluded), { extensions, subjectDer: commonName('cart') });
    accepts(under([[2, 'shop.example']]));
    refuses(under([[2, 'other.example']]), 'name_constraints');
    refuses(under([], [[2, 'shop.example']]), 'name_constraints');
    accepts(under([[7, Uint8Array.of(10, 0, 0, 0, 255, 0, 0, 0)]]));
    refuses(under([[7, Uint8Array.of(10, 2, 0, 0, 255, 255, 0, 0)]]), 'name_constraints');
    refuses(under([], [[7, Uint8Array.of(10, 0, 0, 0, 255, 0, 255, 0)]]), 'name_constraints');
    accepts(under([[4, commonName('cart')]]));
    refuses(under([[4, commonName('other')]]), 'name_constraints');
    refuses(under([], [[4, derSequence()]]), 'name_constraints');
    refuses(under([[1, 'shop.example']]), 'name_constraints');
  });
});

describe('the leaf', () => {
  it('with two URIs, with none, or with the ID in its CN only is refused (adv:M06 spiffe:X-02)', () => {
    refuses(leafWith(leafUsage(), uriSan(uri, 'spiffe://td.example/other')), 'not_one_uri');
    refuses(leafWith(leafUsage(), uriSan(uri, uri)), 'not_one_uri');
    refuses(leafWith(leafUsage(), san(ia5Name(2, 'td.example'))), 'not_one_uri');
    const named = makeTestLeaf(middle, uri, { subjectDer: commonName(uri), extensions: [leafUsage()] });
    refuses([named, middle.certificate.der], 'not_one_uri');
  });

  it('may have DNS names and addresses beside its ID (spiffe:X-02)', () => {
    accepts(
      leafWith(
        leafUsage(),
        bothPurposes(),
        san(ia5Name(6, uri), ia5Name(2, 'a.example'), ia5Name(2, 'b.example')),
      ),
    );
  });

  it.each([
    'https://td.example/x',
    'SPIFFE://td.example/x',
    'spiffe://TD.example/x',
    'spiffe://td.example/x/',
    'spiffe://td.example:1/x',
  ])('with the URI %s is refused: it is no SPIFFE ID (adv:C33 spiffe:X-18)', (other) =>
    refuses(leafWith(leafUsage(), uriSan(other)), 'not_a_spiffe_id'),
  );

  it('whose one URI holds text that looks like several is refused, its bytes being what counts (adv:C39 policy:7/CVE-2022-21656)', () => {
    refuses(leafWith(leafUsage(), uriSan(`${uri}, URI:spiffe://td.example/admin`)), 'not_a_spiffe_id');
    refuses(leafWith(leafUsage(), san(ia5Name(2, `x, URI:${uri}`))), 'not_one_uri');
    refuses(leafWith(leafUsage(), san(ia5Name(6, 'spiffe://td.example/ns/a\0b'))), 'malformed');
  });

  it('whose ID has no path is refused: it names an authority (spiffe:X-03 spiffe:X-08)', () => {
    refuses(leafWith(leafUsage(), uriSan('spiffe://td.example')), 'no_path_in_id');
  });

  it('that is an authority, or may sign certificates or CRLs, is refused (adv:M06 spiffe:X-14 spiffe:X-18)', () => {
    refuses(leafWith(authorityConstraints(), leafUsage(), uriSan(uri)), 'leaf_is_authority');
    refuses(leafWith(keyUsage(0, 5), uriSan(uri)), 'leaf_key_usage');
    refuses(leafWith(keyUsage(0, 6), uriSan(uri)), 'leaf_key_usage');
    refuses(leafWith(keyUsage(2), uriSan(uri)), 'leaf_key_usage');
  });

  it('for servers only is no client, for any purpose is refused, for none said is accepted unless strict (adv:M07 policy:7/CVE-2022-21657)', () => {
    const serverOnly = leafWith(leafUsage(), extKeyUsage(oids.serverAuth), uriSan(uri));
    refuses(serverOnly, 'ext_key_usage');
    accepts(serverOnly, { purpose: 'server' });
    refuses(leafWith(leafUsage(), extKeyUsage(oids.clientAuth), uriSan(uri)), 'ext_key_usage', {
      purpose: 'server',
    });
    refuses(leafWith(leafUsage(), extKeyUsage(oids.anyExtendedKeyUsage), uriSan(uri)), 'ext_key_usage');
    refuses(
      leafWith(leafUsage(), extKeyUsage(oids.clientAuth, oids.anyExtendedKeyUsage), uriSan(uri)),
      'ext_key_usage',
    );
    const unsaid = leafWith(leafUsage(), uriSan(uri));
    accepts(unsaid);
    refuses(unsaid, 'ext_key_usage', { requireExtKeyUsage: true });
  });

  it('with an unknown critical extension is refused, with an uncritical one accepted', () => {
    refuses(
      leafWith(leafUsage(), uriSan(uri), extension('1.2.3', fromHex('0500'), true)),
      'unknown_critical_extension',
    );
    accepts(leafWith(leafUsage(), uriSan(uri), extension('1.2.3', fromHex('0500'))));
  });
});

describe('hostile chains', () => {
  it('with a broken or odd key are refused, and nothing crashes (adv:M09)', () => {
    const spki = createPublicKey(newKey()).export({ format: 'der', type: 'spki' });
    const offCurve = Uint8Array.from(spki);
    offCurve[90] = (offCurve[90] as number) ^ 1;
    const p224 = derSequence(
      derSequence(derOid(oids.ecPublicKey), derOid('1.3.132.0.33')),
      fromHex('030200aa'),
    );
    const withKey = (spkiDer: Uint8Array) => [makeTestLeaf(middle, uri, { spkiDer }), middle.certificate.der];
    for (const spkiDer of [offCurve, p224, derSequence(), derSequence(fromHex('0500'), fromHex('030100'))])
      refuses(withKey(spkiDer), 'key_refused');
    refuses(withKey(spki.subarray(0, 40)), 'malformed');
    refuses(withKey(fromHex('0500')), 'malformed');
  });

  it('longer than eight are not read (adv:M08)', () => {
    const chain = Array.from({ length: 20 }, () => middle.certificate.der);
    refuses([leaf, ...chain], 'chain_too_long');
    accepts([leaf, ...chain], { maxChain: 21 });
  });

  it('of a megabyte, of bytes that are no certificate, or cut at any byte are refused (adv:M08 adv:C03)', () => {
    refuses([new Uint8Array(1024 * 1024)], 'malformed');
    refuses([leaf, Uint8Array.of(1, 2, 3)], 'malformed');
    for (let cut = 0; cut < leaf.length; cut += 7)
      refuses([leaf.subarray(0, cut), middle.certificate.der], 'malformed');
  });

  it('that go round in a loop end (adv:M08)', () => {
    const [a, b] = [newKey(), newKey()];
    const cross = (key: KeyObject, names: [string, string], signer: KeyObject) =>
      buildCertificate(key, signer, {
        issuerDer: nameOf(names[1]),
        subjectDer: nameOf(names[0]),
        extensions: [authorityConstraints(), authorityUsage()],
      });
    const loop = [cross(a, ['A', 'B'], b), cross(b, ['B', 'A'], a)];
    const child = makeTestLeaf({ key: a, nameDer: nameOf('A'), certificate: middle.certificate }, uri);
    refuses([child, ...loop], 'unknown_issuer');
  });

  it('with many authorities of one name end after a bounded number of signature checks (adv:M08)', () => {
    const nameDer = nameOf('same');
    const keys = [newKey(), newKey()] as const;
    const self = (key: KeyObject) =>
      buildCertificate(key, key, {
        issuerDer: nameDer,
        subjectDer: nameDer,
        extensions: [authorityConstraints(), authorityUsage()],
      });
    const child = makeTestLeaf({ key: keys[0], nameDer, certificate: middle.certificate }, uri);
    const many = Array.from({ length: 100 }, (_, i) => self(keys[i % 2] as KeyObject));
    refuses([child, ...many], 'too_much_work', { maxChain: 200 });
    const wrong = makeAuthority('same').certificate;
    const roots = Array.from({ length: 10_000 }, () => wrong);
    refuses([child], 'too_much_work', { roots });
  });

  it('that hide the right root behind ten thousand of its name are found by key identifier', () => {
    const keyId = new Uint8Array(20).fill(7);
    const known = makeAuthority('same', undefined, {
      extensions: [
        authorityConstraints(),
        authorityUsage(),
        extension(oids.subjectKeyId, derOctetString(keyId)),
      ],
    });
    const aki = extension(oids.authorityKeyId, derSequence(derValue(context(0), keyId)));
    const child = makeTestLeaf(known, uri, { extensions: [leafUsage(), uriSan(uri), aki] });
    const wrong = makeAuthority('same').certificate;
    accepts([child], { roots: [...Array.from({ length: 10_000 }, () => wrong), known.certificate] });
  });
});

describe('reasons', () => {
  it('are each shown above or in the tests of CRLs', () => {
    const elsewhere: PathReason[] = ['revoked', 'revocation_unknown'];
    expect([...seen, ...elsewhere].sort()).toEqual([...pathReasons].sort());
  });
});
