import { describe, expect, it } from 'vitest';
import { operation, ruleMatches, when } from '../../../test/support/rule-check.ts';

const strict = { strict: true };

describe('operations', () => {
  it.each([
    ['cart.shop', 'cart.shop', true],
    ['cart.shop', 'CART.Shop', true],
    ['CART.shop', 'cart.shop', true],
    ['cart.shop', 'cart.shop:8080', false],
    ['cart.shop:*', 'cart.shop:8080', true],
    ['*.shop', 'cart.shop', true],
    ['*', 'x', true],
    ['cart.shop', 'cart.shop.', false],
    ['\u212aart.shop', 'kart.shop', false],
  ])('hosts [%s] with %s: %s (policy:3.2/1 adv:Z08 adv:Z09)', (value, host, want) => {
    expect(ruleMatches(operation(`hosts: ["${value}"]`), { host })).toBe(want);
  });

  it('a host of * needs an authority (policy:3.2/1)', () => {
    expect(ruleMatches(operation('hosts: ["*"]'), { http: { authority: undefined } })).toBe(false);
  });

  it.each([
    ['cart.shop', 'cart.shop:8080', true],
    ['cart.shop', 'cart.shop.', true],
    ['cart.shop', 'cart.shop.:8080', true],
    ['cart.shop', 'cart.shop:', true],
    ['cart.shop:8080', 'cart.shop:8080', true],
    ['cart.shop:8080', 'cart.shop:9090', false],
    ['[::1]', '[::1]:80', true],
    ['cart', 'cart.shop', false],
  ])('strict mode sees past port and dot: hosts [%s] with %s: %s (adv:Z09)', (value, host, want) => {
    expect(ruleMatches(operation(`hosts: ["${value}"]`), { host }, { settings: strict })).toBe(want);
  });

  it.each([
    ['8080', 8080, true],
    ['8080', 80, false],
  ])('ports [%s] with %i: %s (policy:3.2/2)', (value, port, want) => {
    expect(ruleMatches(when('destination.port', `values: ["${value}"]`), { port })).toBe(want);
    expect(ruleMatches(operation(`notPorts: ["${value}"]`), { port })).toBe(!want);
  });

  it.each([
    ['GET', 'GET', true],
    ['G*', 'GET', true],
    ['*T', 'GET', true],
    ['*', 'GET', true],
    ['GET', 'POST', false],
    ['get', 'GET', false],
  ])('methods [%s] with %s: %s (policy:3.2/3 adv:Z21)', (value, method, want) => {
    expect(ruleMatches(operation(`methods: ["${value}"]`), { method })).toBe(want);
  });

  it.each([
    ['/admin', '/admin', true],
    ['/admin', '/admin?x=1', true],
    ['/admin', '/admin#x', true],
    ['/admin', '/Admin', false],
    ['/api*', '/apix', true],
    ['/api/*', '/api', false],
    ['*/x', '/a/b/x', true],
    ['*', '/anything', true],
    ['/a/*b', '/a/xb', false],
    ['/a/*b', '/a/*b', true],
    ['*a*', '/xa*', true],
    ['*a*', '/xax', false],
    ['/pkg.Service/Method', '/pkg.Service/Method', true],
    ['/pkg.Service/Method', '/pkg.Service/Method/more', false],
  ])('paths [%s] with %s: %s (policy:3.2/4 policy:3.6 adv:Z05 adv:Z22 adv:Z25)', (value, path, want) => {
    expect(ruleMatches(operation(`paths: ["${value}"]`), { path })).toBe(want);
  });

  it.each([
    ['/foo/{*}', '/foo/bar', true],
    ['/foo/{*}', '/foo/', false],
    ['/foo/{*}', '/foo/bar/', false],
    ['/foo/{*}', '/foo/a*b=c', true],
    ['/{*}/x/{*}', '/a/x/b', true],
    ['/{*}/x/{*}', '/a/y/b', false],
    ['/foo/{**}', '/foo/', true],
    ['/foo/{**}', '/foo/a/b', true],
    ['/foo/{**}', '/foo', false],
    ['/foo/{**}/', '/foo/bar/', true],
    ['/foo/{**}/', '/foo//', true],
    ['/foo/{**}/', '/foo/bar', false],
    ['/{*}/{**}/end', '/a/b/c/end', true],
    ['/{*}/{**}/end', '/a/end', false],
    ['/a.b/{*}', '/axb/c', false],
  ])('template %s with %s: %s (policy:3.6)', (value, path, want) => {
    expect(ruleMatches(operation(`paths: ["${value}"]`), { path })).toBe(want);
  });

  it('holds the negative forms: not any of the values (policy:0)', () => {
    expect(ruleMatches(operation('notPaths: [/a, /b]'), { path: '/b' })).toBe(false);
    expect(ruleMatches(operation('notMethods: [GET]'), { method: 'POST' })).toBe(true);
    expect(ruleMatches(operation('paths: [/a*], notPaths: [/ab]'), { path: '/ab' })).toBe(false);
    expect(ruleMatches(operation('notHosts: ["*.shop"]'), { host: 'cart.shop' })).toBe(false);
  });
});

describe('header conditions', () => {
  const role = (values: string, headers: Record<string, string | string[]>, options = {}) =>
    ruleMatches(when('request.headers[X-Role]', values), { headers }, options);

  it('knows names without case and values with (policy:3.5/1 adv:Z11)', () => {
    expect(role('values: [admin]', { 'x-role': 'admin' })).toBe(true);
    expect(role('values: [admin]', { 'x-role': 'Admin' })).toBe(false);
    expect(role('values: [admin]', { x_role: 'admin' })).toBe(false);
    expect(role('values: [admin]', { 'x-role': ' admin\t' })).toBe(true);
    expect(role('values: ["ad*"]', { 'x-role': 'admin' })).toBe(true);
  });

  it('takes * for a header that is there, even empty (policy:3.3 adv:Z13)', () => {
    expect(role('values: ["*"]', { 'x-role': '' })).toBe(true);
    expect(role('values: ["*"]', {})).toBe(false);
    expect(role('notValues: [admin]', {})).toBe(true);
    expect(role('notValues: ["*"]', {})).toBe(true);
  });

  it('tests each line by itself, and any may match (policy:3.5 adv:Z12)', () => {
    expect(role('values: [admin]', { 'x-role': ['user', 'admin'] })).toBe(true);
    expect(role('values: [admin]', { 'x-role': 'user,admin' })).toBe(false);
    expect(role('notValues: [admin]', { 'x-role': ['user', 'admin'] })).toBe(false);
    expect(role('values: [admin]', { 'x-role': ['user', 'admin'] }, { action: 'DENY' })).toBe(true);
  });

  it('strict mode: an ALLOW wants every item, a DENY any, however the lines are cut (adv:Z12)', () => {
    for (const lines of [['user', 'admin'], ['user,admin'], ['user , admin']]) {
      const headers = { 'x-role': lines };
      expect(role('values: [admin]', headers, { settings: strict })).toBe(false);
      expect(role('values: [admin, user]', headers, { settings: strict })).toBe(true);
      expect(role('notValues: [admin]', headers, { settings: strict })).toBe(false);
      expect(role('values: [admin]', headers, { settings: strict, action: 'DENY' })).toBe(true);
      expect(role('notValues: [admin]', headers, { settings: strict, action: 'DENY' })).toBe(true);
    }
    const date = { 'x-role': 'Mon, 01 Jan' };
    expect(role('values: ["Mon, 01 Jan"]', date, { settings: strict })).toBe(true);
  });

  it('treats names of object members as ordinary names (adv:Z14)', () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const rule = when(`request.headers[${name}]`, 'values: ["*"]');
      expect(ruleMatches(rule, {})).toBe(false);
      expect(ruleMatches(rule, { http: { headers: new Map([[name.toLowerCase(), ['x']]]) } })).toBe(true);
    }
  });

  it('knows the pseudo headers (policy:3.5/1)', () => {
    expect(ruleMatches(when('request.headers[:method]', 'values: [GET]'))).toBe(true);
    expect(ruleMatches(when('request.headers[Host]', 'values: [cart.shop]'))).toBe(true);
    expect(ruleMatches(when('request.headers[:path]', 'values: ["/items?x"]'), { path: '/items?x' })).toBe(
      true,
    );
  });
});

describe('other conditions', () => {
  it('matches destination and SNI (policy:3.5/11 policy:3.5/12)', () => {
    expect(ruleMatches(when('destination.ip', 'values: [10.0.0.0/24]'))).toBe(true);
    const sni = { connection: { sni: 'Cart.shop' } };
    expect(ruleMatches(when('connection.sni', 'values: [Cart.shop]'), sni)).toBe(true);
    expect(ruleMatches(when('connection.sni', 'values: [cart.shop]'), sni)).toBe(false);
    expect(ruleMatches(when('connection.sni', 'values: ["*"]'))).toBe(false);
    expect(ruleMatches(when('connection.sni', 'notValues: [x]'))).toBe(true);
  });

  it('reads dynamic metadata as a text, and in brackets as a list (policy:3.5/13)', () => {
    const key = 'experimental.envoy.filters.http.lua[group]';
    const more = (group: string | readonly string[]) => ({
      more: { dynamicMetadata: new Map([['envoy.filters.http.lua', { group }]]) },
    });
    expect(ruleMatches(when(key, 'values: [dev]'), more('dev'))).toBe(true);
    expect(ruleMatches(when(key, 'values: [dev]'), more(['dev']))).toBe(false);
    expect(ruleMatches(when(key, 'values: ["[dev]"]'), more(['ops', 'dev']))).toBe(true);
    expect(ruleMatches(when(key, 'values: ["[dev]"]'), more('dev'))).toBe(false);
    expect(ruleMatches(when(key, 'values: ["[d*]"]'), more(['dev']))).toBe(true);
    expect(ruleMatches(when(key, 'notValues: [dev]'))).toBe(true);
  });
});
