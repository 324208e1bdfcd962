import { describe, expect, it } from 'vitest';
import {
  authorityConstraints,
  keyUsage,
  makeAuthority,
  makeTestLeaf,
} from '../../test/support/certificate.ts';
import { buildCrl, type CrlParts } from '../../test/support/crl.ts';
import { extension } from '../../test/support/csr.ts';
import { day, newKey, testNow } from '../../test/support/pki.ts';
import { fromHex } from '../base/bytes.ts';
import { derSequence, derUnsigned } from './der-writer.ts';
import { type Crl, formatPem, parseCertificate, parseCrl, parseCrlsPem, validatePath } from './index.ts';
import { oids } from './oids.ts';

const root = makeAuthority('root');
const middle = makeAuthority('middle', root);
const serial = Uint8Array.of(0x12, 0x34);
const leaf = makeTestLeaf(middle, 'spiffe://td.example/x', { serial });
const crlOf = (parts: Partial<CrlParts> = {}, key = middle.key) =>
  buildCrl(key, { issuerDer: middle.nameDer, ...parts });
const validate = (crls: readonly Crl[], more = {}) =>
  validatePath([leaf, middle.certificate.der], {
    now: testNow,
    purpose: 'client',
    rootsFor: () => [root.certificate],
    crls,
    ...more,
  });
const refuses = (der: Uint8Array, problem: string) =>
  expect(() => parseCrl(der)).toThrow(
    expect.objectContaining({ code: 'CRL_MALFORMED', message: expect.stringContaining(problem) as string }),
  );

describe('a CRL', () => {
  it('is read with its issuer, times and serials, and knows who signed it', () => {
    const crl = parseCrl(crlOf({ serials: [serial, Uint8Array.of(0x80)] }));
    expect([crl.size, crl.isRevoked('1234'), crl.isRevoked('80'), crl.isRevoked('12')]).toEqual([
      2,
      true,
      true,
      false,
    ]);
    expect([crl.thisUpdate, crl.nextUpdate]).toEqual([testNow - 3_600_000, testNow + day]);
    expect([crl.isCurrent(testNow), crl.isCurrent(testNow + 2 * day), crl.isCurrent(0)]).toEqual([
      true,
      false,
      false,
    ]);
    expect([crl.isIssuedBy(middle.certificate), crl.isIssuedBy(root.certificate)]).toEqual([true, false]);
  });

  it('is not believed when another key of that name signed it, or the issuer may not sign CRLs', () => {
    expect(parseCrl(crlOf({}, newKey())).isIssuedBy(middle.certificate)).toBe(false);
    const certOnly = makeAuthority('middle', root, { extensions: [authorityConstraints(), keyUsage(5)] });
    expect(parseCrl(crlOf({}, certOnly.key)).isIssuedBy(certOnly.certificate)).toBe(false);
    const asLeaf = makeTestLeaf(middle, 'spiffe://td.example/x', { subjectDer: middle.nameDer });
    expect(parseCrl(crlOf({})).isIssuedBy(parseCertificate(asLeaf))).toBe(false);
  });

  it('without an end, with a number, a reason, or no entries is fine', () => {
    const crlNumber = extension(oids.crlNumber, derUnsigned(Uint8Array.of(1)));
    const reason = derSequence(extension(oids.crlReason, fromHex('0a0101')));
    const crl = parseCrl(
      crlOf({ nextUpdate: null, extensions: [crlNumber], serials: [serial], entryExtensions: reason }),
    );
    expect([crl.nextUpdate, crl.isCurrent(testNow + 9999 * day), crl.isRevoked('1234')]).toEqual([
      undefined,
      true,
      true,
    ]);
    expect(parseCrl(crlOf()).size).toBe(0);
  });

  it('file is read block by block, as openssl writes them', () => {
    const pem = `${formatPem('X509 CRL', crlOf())}${formatPem('X509 CRL', crlOf({ issuerDer: root.nameDer }, root.key))}`;
    expect(parseCrlsPem(pem).map((crl) => crl.isIssuedBy(root.certificate))).toEqual([false, true]);
    expect(parseCrlsPem('')).toEqual([]);
    expect(() => parseCrlsPem(formatPem('CERTIFICATE', leaf))).toThrow(
      expect.objectContaining({ code: 'PEM_MALFORMED' }),
    );
  });

  it('of version 1, of SHA-1, cut short, or with what it says only in part is refused', () => {
    refuses(crlOf({ version: 0 }), 'not version 2');
    refuses(crlOf({ algorithmDer: fromHex('300906072a8648ce3d0401') }), 'differs inside and outside');
    refuses(crlOf().subarray(0, 50), 'longer than what holds it');
    refuses(leaf, '');
    const critical = (oid: string) => extension(oid, fromHex('0500'), true);
    refuses(crlOf({ extensions: [critical(oids.deltaCrlIndicator)] }), 'is not known here');
    refuses(crlOf({ extensions: [critical(oids.issuingDistributionPoint)] }), 'is not known here');
    const twice = extension(oids.crlNumber, derUnsigned(Uint8Array.of(1)));
    refuses(crlOf({ extensions: [twice, twice] }), 'occurs twice');
    const certificateIssuer = derSequence(extension('2.5.29.29', derSequence(), true));
    refuses(crlOf({ serials: [serial], entryExtensions: certificateIssuer }), 'critical entry extension');
  });
});

describe('a path', () => {
  it('whose leaf is listed by its issuer is refused, even when the list is out of date (adv:M10)', () => {
    expect(validate([parseCrl(crlOf({ serials: [serial] }))])).toMatchObject({
      ok: false,
      reason: 'revoked',
    });
    const old = parseCrl(
      crlOf({ serials: [serial], thisUpdate: testNow - 2 * day, nextUpdate: testNow - day }),
    );
    expect(validate([old])).toMatchObject({ ok: false, reason: 'revoked' });
  });

  it('whose authority is listed by the root is refused', () => {
    const middleSerial = fromHex(middle.certificate.serial);
    const crl = parseCrl(buildCrl(root.key, { issuerDer: root.nameDer, serials: [middleSerial] }));
    expect(validate([crl])).toMatchObject({ ok: false, reason: 'revoked' });
  });

  it('is accepted when the serial is listed by another issuer or by a forged list', () => {
    const other = makeAuthority('other', root);
    const crls = [
      parseCrl(buildCrl(other.key, { issuerDer: other.nameDer, serials: [serial] })),
      parseCrl(crlOf({ serials: [serial] }, newKey())),
    ];
    expect(validate(crls)).toMatchObject({ ok: true });
  });

  it('without current lists of all its issuers is refused only where that is demanded', () => {
    const leafs = parseCrl(crlOf());
    const roots = parseCrl(buildCrl(root.key, { issuerDer: root.nameDer }));
    expect(validate([leafs])).toMatchObject({ ok: true });
    expect(validate([leafs], { requireCrl: true })).toMatchObject({ reason: 'revocation_unknown' });
    expect(validate([], { requireCrl: true })).toMatchObject({ reason: 'revocation_unknown' });
    expect(validate([leafs, roots], { requireCrl: true })).toMatchObject({ ok: true });
    expect(validate([leafs, roots], { requireCrl: true, now: testNow + 23.5 * 3_600_000 })).toMatchObject({
      ok: true,
    });
  });

  it('of an authority that may not sign CRLs is not judged by its lists', () => {
    const mute = makeAuthority('mute', root, { extensions: [authorityConstraints(), keyUsage(5)] });
    const child = makeTestLeaf(mute, 'spiffe://td.example/x', { serial });
    const crl = parseCrl(buildCrl(mute.key, { issuerDer: mute.nameDer, serials: [serial] }));
    const result = validatePath([child, mute.certificate.der], {
      now: testNow,
      purpose: 'client',
      rootsFor: () => [root.certificate],
      crls: [crl],
    });
    expect(result).toMatchObject({ ok: true });
  });
});
