/** What the corpus as a whole holds: its size, and a vector for every row of the policy semantics that a decision can show. */
import { describe, expect, it } from 'vitest';
import { readCatalogue } from '../../scripts/support/conformance.ts';
import { readVectors } from '../support/policy-vectors.ts';

/** Rows that no vector can show, and why; other tests hold them. */
const unseen: Readonly<Record<string, string>> = {
  '0/4': 'such a policy is refused when it is read',
  '0/6': 'such a policy is refused when it is read',
  '0/7': 'such a policy is refused when it is read',
  '3.6/4': 'such a policy is refused when it is read',
  '3.11/3': 'such a policy is refused when it is read',
  '7/CVE-2022-21654': 'the TLS listener answers for it',
  '7/CVE-2022-21656': 'the reader of certificates answers for it',
  '7/CVE-2022-21657': 'the path validator answers for it',
  '7/CVE-2025-66220': 'no such identity can be written',
  '7/CVE-2026-48042': 'no such token is read',
};

const vectors = readVectors().flatMap((file) => file.vectors);
const held = new Set(vectors.flatMap(({ ids }) => ids));
const rows = readCatalogue().filter(
  ({ id, source, reason }) =>
    source === 'policy' && reason === undefined && /^policy:[0-3][0-9.]*\/|^policy:7\//.test(id),
);

describe('the corpus of policy vectors', () => {
  it('has at least 500 cases, over HTTP and over TCP, with and without tokens, and most in both modes', () => {
    expect(vectors.length).toBeGreaterThanOrEqual(500);
    const tcp = vectors.filter(({ request }) => request.http === undefined);
    const tokens = vectors.filter(({ request }) => (request.tokens ?? []).length > 0);
    const both = vectors.filter(({ modes }) => modes.includes('strict'));
    expect(tcp.length).toBeGreaterThan(50);
    expect(tokens.length).toBeGreaterThan(100);
    expect(both.length).toBeGreaterThan(vectors.length / 2);
  });

  it('allows and denies at every stage', () => {
    const stages = new Set(vectors.map((vector) => vector.expect('default').stage));
    for (const stage of ['peer_authentication', 'normalisation', 'custom', 'request_authentication'])
      expect(stages).toContain(stage);
    const outcomes = vectors.map((vector) => vector.expect('default').outcome);
    expect(outcomes.filter((outcome) => outcome === 'allow').length).toBeGreaterThan(200);
    expect(outcomes.filter((outcome) => outcome === 'deny').length).toBeGreaterThan(200);
  });

  it.each(rows.filter(({ id }) => unseen[id.slice('policy:'.length)] === undefined))(
    'has a case for $id: $text',
    ({ id }) => expect(held).toContain(id),
  );

  it('names no row as unseen that the catalogue lacks', () => {
    const known = new Set(rows.map(({ id }) => id.slice('policy:'.length)));
    expect(Object.keys(unseen).filter((row) => !known.has(row))).toEqual([]);
  });

  it('tells of each case that strict mode decides otherwise only where it does', () => {
    const same = vectors.filter((vector) => {
      const [usual, strict] = [vector.expect('default'), vector.expect('strict')];
      return usual !== strict && JSON.stringify(usual) === JSON.stringify(strict);
    });
    expect(same.map(({ file, name }) => `${file}: ${name}`)).toEqual([]);
  });
});
