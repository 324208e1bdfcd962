import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HttpFacts } from '../request.ts';
import { normalisePath, type PathRules } from './path.ts';
import { readTarget } from './target.ts';

const levels = ['NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'] as const;
const rulesOf = (
  pathNormalization: PathRules['pathNormalization'],
  more: Partial<PathRules> = {},
): PathRules => ({
  pathNormalization,
  strict: false,
  stripPathParameters: false,
  ...more,
});
const at = (level: PathRules['pathNormalization'], path: string, more: Partial<PathRules> = {}) => {
  const read = normalisePath(path, rulesOf(level, more));
  return read.ok ? read.path + read.query : `refused: ${read.fault}`;
};
const atEach = (path: string) => levels.map((level) => at(level, path));
const refused = expect.stringMatching(/^refused: /);

describe('path normalisation', () => {
  it.each([
    ['/plain/path', ['/plain/path', '/plain/path', '/plain/path', '/plain/path']],
    ['/a/./b', ['/a/./b', '/a/b', '/a/b', '/a/b']],
    ['/a/../b', ['/a/../b', '/b', '/b', '/b']],
    ['/a/b/..', ['/a/b/..', '/a/', '/a/', '/a/']],
    ['/a/.', ['/a/.', '/a/', '/a/', '/a/']],
    ['/%2e%2E/x', ['/%2e%2E/x', '/x', '/x', '/x']],
    ['/../x', ['/../x', '/x', '/x', '/x']],
    ['/a\\b', ['/a\\b', '/a/b', '/a/b', '/a/b']],
    ['/%61%7E%2d', ['/%61%7E%2d', '/a~-', '/a~-', '/a~-']],
    ['//a///b/', ['//a///b/', '//a///b/', '/a/b/', '/a/b/']],
    ['/a//../b', ['/a//../b', '/a/b', '/a/b', '/a/b']],
    ['/a%2Fb%5cc', ['/a%2Fb%5cc', '/a%2Fb%5cc', '/a%2Fb%5cc', '/a/b/c']],
    ['/x%2F..%2fy', ['/x%2F..%2fy', '/x%2F..%2fy', '/x%2F..%2fy', '/y']],
    ['/%c0%2fx', ['/%c0%2fx', '/%c0%2fx', '/%c0%2fx', '/%c0/x']],
    ['/a%252Fb', ['/a%252Fb', '/a%252Fb', '/a%252Fb', '/a%252Fb']],
    ['/%c0%af', ['/%c0%af', '/%c0%af', '/%c0%af', '/%c0%af']],
    ['/%25', ['/%25', '/%25', '/%25', '/%25']],
    ['/...', ['/...', '/...', '/...', '/...']],
    ['/A;p=1/b', ['/A;p=1/b', '/A;p=1/b', '/A;p=1/b', '/A;p=1/b']],
    ['/%zz%', ['/%zz%', '/%zz%', '/%zz%', '/%zz%']],
  ])('reads %s by level as Istio does (policy:3.9 adv:Z01 adv:Z02 adv:Z03 adv:Z06)', (path, want) => {
    expect(atEach(path)).toEqual(want);
  });

  it('cuts the fragment and keeps the query apart (policy:3.9/1 adv:Z04 adv:Z05)', () => {
    expect(atEach('/admin#frag')).toEqual(Array(4).fill('/admin'));
    expect(normalisePath('/admin?x=//..%2f', rulesOf('DECODE_AND_MERGE_SLASHES'))).toEqual({
      ok: true,
      path: '/admin',
      query: '?x=//..%2f',
    });
  });

  it('refuses an escaped NUL at every level, in the path but not in the query (policy:3.9 adv:Z06)', () => {
    expect(atEach('/a%00b')).toEqual(Array(4).fill('refused: the path holds %00'));
    expect(at('BASE', '/a?b=%00')).toBe('/a?b=%00');
  });

  it('refuses control characters and blanks, and more than 8 KiB (adv:Z07)', () => {
    for (const path of ['/a b', '/a\tb', '/a\0b', '/a?x\ny', '/a\u007f'])
      expect(at('NONE', path)).toEqual(refused);
    expect(at('NONE', `/${'a'.repeat(8191)}`)).not.toEqual(refused);
    expect(at('NONE', `/${'a'.repeat(8192)}`)).toEqual(refused);
  });

  it.each([
    ['/admin%2Fx', [refused, refused, refused, '/admin/x']],
    ['/a%5Cx', [refused, refused, refused, '/a/x']],
    ['//admin', ['/admin', '/admin', '/admin', '/admin']],
    ['/x/../admin', ['/admin', '/admin', '/admin', '/admin']],
    ['/../admin', [refused, refused, refused, refused]],
    ['/%2e%2e/', [refused, refused, refused, refused]],
    ['/admin#frag', [refused, refused, refused, refused]],
    ['/%zz', [refused, refused, refused, refused]],
    ['/%', [refused, refused, refused, refused]],
    ['/%c0%af', [refused, refused, refused, refused]],
    ['/%ff', [refused, refused, refused, refused]],
    ['/%C3%A9', ['/%C3%A9', '/%C3%A9', '/%C3%A9', '/%C3%A9']],
    ['/\u00e9', [refused, refused, refused, refused]],
    ['/a%252Fb', ['/a%252Fb', '/a%252Fb', '/a%252Fb', '/a%252Fb']],
  ])('strict mode resolves %s or refuses it (adv:Z01 adv:Z02 adv:Z04 adv:Z06)', (path, want) => {
    expect(levels.map((level) => at(level, path, { strict: true }))).toEqual(want);
  });

  it.each([
    ['/admin;jsessionid=1', '/admin'],
    ['/;/admin', '/admin'],
    ['/.;/admin', '/admin'],
    ['/a;x/b;y?c;d', '/a/b?c;d'],
  ])('with parameters stripped %s is %s, in both modes (adv:Z03)', (path, want) => {
    for (const strict of [false, true])
      expect(at('MERGE_SLASHES', path, { strict, stripPathParameters: true })).toBe(want);
  });

  it('normalising twice changes nothing', () => {
    const piece = fc.constantFrom(
      '/',
      '//',
      '.',
      '..',
      '%2e',
      '%2F',
      '%5c',
      '\\',
      '%',
      '%41',
      '%25',
      '%34',
      'a',
      ';',
      '%zz',
      '1',
    );
    const path = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`);
    fc.assert(
      fc.property(path, fc.constantFrom(...levels), fc.boolean(), (raw, level, stripPathParameters) => {
        const once = at(level, raw, { stripPathParameters });
        if (!once.startsWith('refused')) expect(at(level, once, { stripPathParameters })).toBe(once);
      }),
      { numRuns: 300 },
    );
  });
});

const http = (facts: Partial<HttpFacts>): HttpFacts => ({
  method: 'GET',
  path: '/',
  authority: 'a.example',
  headers: new Map(),
  ...facts,
});
const target = (facts: Partial<HttpFacts>) => {
  const read = readTarget(http(facts), rulesOf('BASE'));
  return read.ok ? read.path : `refused: ${read.fault}`;
};

describe('the request line', () => {
  it.each([
    [{ path: 'http://a.example/p?q' }, '/p'],
    [{ path: 'https://A.Example' }, '/'],
    [{ path: 'http://b.example/p' }, 'refused: the host in the target is not the authority'],
    [{ path: 'ftp://a.example/p' }, 'refused: the path does not begin with a slash'],
    [{ path: 'admin' }, 'refused: the path does not begin with a slash'],
    [{ path: '' }, 'refused: the path does not begin with a slash'],
    [{ path: '*', method: 'OPTIONS' }, '*'],
    [{ path: '*' }, 'refused: only OPTIONS asks for `*`'],
    [{ path: '', method: 'CONNECT' }, ''],
    [{ path: 'a.example', method: 'CONNECT' }, ''],
    [{ path: 'b.example', method: 'CONNECT' }, 'refused: the target of CONNECT is not its authority'],
  ])('%o is read as %s (adv:Z07)', (facts, want) => {
    expect(target(facts)).toBe(want);
  });

  it('refuses what no HTTP codec lets through (policy:3.9 adv:Z09)', () => {
    expect(target({ method: 'get' })).toEqual(refused);
    expect(target({ method: 'G T' })).toEqual(refused);
    expect(target({ method: 'A'.repeat(65) })).toEqual(refused);
    expect(target({ method: 'M-SEARCH' })).toBe('/');
    expect(target({ headers: new Map([['x y', ['1']]]) })).toEqual(refused);
    expect(target({ authority: 'user@a.example' })).toEqual(refused);
  });
});
