import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Castellan } from '../castellan.ts';
import { httpCall } from '../http-call.ts';
import { findTool, type Tool } from '../tools.ts';
import { type AppServer, appServer } from './app-server.ts';
import type { Around, RunningProxy } from './program.ts';
import { portOf, shopServer, tokenFor } from './shop.ts';

export interface HttpProxyTraits {
  readonly tool: Tool;
  readonly title: string;
  start(around: Around): Promise<RunningProxy>;
  /** The Castellan door it asks at. */
  readonly door: 'extAuthz' | 'extAuthzHttp';
  /** nginx answers with pages of its own. */
  readonly relaysBody: boolean;
  /** What a client is told when Castellan is not there. */
  readonly downStatus: number;
  /** Traefik shows the client no header of an allow, and takes a token out of every request or of none. */
  readonly isTraefik?: boolean;
}

const own = ['source-principal', 'request-principal', 'shadow', 'decision-id'] as const;
const forged = own.map((name) => [`X-Castellan-${name}`, 'forged'] as const);

/** What every HTTP proxy has to do with our decisions, whatever words it uses for it. */
export function describeHttpProxy(traits: HttpProxyTraits, more?: (parts: () => Parts) => void): void {
  describe.skipIf(findTool(traits.tool) === undefined)(traits.title, () => {
    let parts: Parts;
    beforeAll(async () => {
      const [server, app] = [await shopServer(), await appServer()];
      const castellanPort = portOf(server.server.endpoints[traits.door]);
      const proxy = await traits.start({ backend: app.port, castellan: castellanPort });
      parts = { server, app, proxy };
    });
    afterAll(async () => {
      await parts?.proxy[Symbol.asyncDispose]();
      await parts?.server[Symbol.asyncDispose]();
      await parts?.app[Symbol.asyncDispose]();
    });
    const call = (path: string, headers: readonly (readonly [string, string])[] = [], method = 'GET') =>
      httpCall({ port: parts.proxy.port, path, method, headers: [['Host', 'cart.shop'], ...headers] });
    const arrived = () => parts.app.seen.at(-1)?.headers ?? new Map<string, readonly string[]>();
    const count = () => parts.app.seen.length;

    it('lets through what is allowed, and tells both sides the decision id (proxies:1.5/1)', async () => {
      const { status, body, headers } = await call('/open?x=1');
      expect([status, body]).toEqual([200, 'hello']);
      expect(arrived().get('x-castellan-decision-id')?.[0]).toMatch(/^[0-9A-Z]{26}$/);
      if (traits.isTraefik !== true)
        expect(headers.get('x-castellan-decision-id')).toEqual(arrived().get('x-castellan-decision-id')?.[0]);
      expect(parts.app.seen.at(-1)?.path).toBe('/open?x=1');
    });

    it('answers what is forbidden itself, with an id that can be explained (proxies:1.5/5)', async () => {
      const before = count();
      const { status, headers, body } = await call('/admin');
      expect(status).toBe(403);
      const id = headers.get('x-castellan-decision-id');
      expect(id).toMatch(/^[0-9A-Z]{26}$/);
      if (traits.relaysBody) expect(body).toBe('RBAC: access denied');
      expect(count()).toBe(before);
      const found = await parts.server.server.state.store.decisions.find(id as string);
      expect(JSON.parse(found?.body ?? '{}')).toMatchObject({ decision: 'deny', reason: 'denied_by_policy' });
    });

    it('forwards no identity that a client made up (proxies:1.5/2)', async () => {
      expect((await call('/open', forged)).status).toBe(200);
      for (const name of own)
        for (const value of arrived().get(`x-castellan-${name}`) ?? []) expect(value).not.toBe('forged');
    });

    it('forwards who holds the token, and the token no further (proxies:1.5/2)', async () => {
      const { status } = await call('/mine', [
        ['Authorization', `Bearer ${tokenFor('ada')}`],
        ['X-Castellan-Request-Principal', 'forged'],
      ]);
      expect(status).toBe(200);
      expect(arrived().get('x-castellan-request-principal')).toEqual(['https://issuer.example/ada']);
      const isLeft = (arrived().get('authorization')?.join('') ?? '') !== '';
      expect(isLeft).toBe(traits.isTraefik === true);
    });

    it('forwards an Authorization header that no policy uses', async () => {
      await call('/open', [['Authorization', 'Basic YTpi']]);
      expect(arrived().get('authorization')).toEqual(['Basic YTpi']);
    });

    it('asks for a good token where one is spoilt (proxies:1.5/3)', async () => {
      const { status, headers, body } = await call('/mine', [
        ['Authorization', `Bearer ${tokenFor('ada', -500)}`],
      ]);
      expect(status).toBe(401);
      expect(headers.get('www-authenticate')).toContain('error="invalid_token"');
      if (traits.relaysBody) expect(body).toBe('Jwt is expired');
    });

    it('lets through what a dry run would deny, and says so to the server (proxies:1.5/11)', async () => {
      expect((await call('/open/soon', forged)).status).toBe(200);
      expect(arrived().get('x-castellan-shadow')).toEqual(['deny']);
    });

    it('never forwards a path other than the one that was allowed (proxies:1.5/7)', async () => {
      const before = count();
      for (const path of ['/open/../admin', '/open/%2e%2e/admin', '/open//../../admin'])
        expect((await call(path)).status).toBeGreaterThanOrEqual(300);
      expect(count()).toBe(before);
    });

    it('does not let a client choose what is asked', async () => {
      const before = count();
      const lies = [
        ['X-Forwarded-Uri', '/open'],
        ['X-Original-URL', 'http://cart.shop/open'],
        ['X-Original-Method', 'HEAD'],
        ['X-Forwarded-Method', 'HEAD'],
        ['X-Rewrite-URL', '/open'],
        ['X-Envoy-Original-Path', '/open'],
        ['X-HTTP-Method-Override', 'HEAD'],
      ] as const;
      expect((await call('/admin', lies)).status).toBe(403);
      expect(count()).toBe(before);
    });

    it('forwards other methods and their bodies', async () => {
      const { status } = await httpCall({
        port: parts.proxy.port,
        method: 'POST',
        path: '/open',
        headers: [
          ['Host', 'cart.shop'],
          ['Content-Length', '5'],
        ],
        body: 'abcde',
      });
      expect([status, parts.app.seen.at(-1)?.method]).toEqual([200, 'POST']);
    });

    more?.(() => parts);

    it('lets nothing through when Castellan is away (adv:G5 proxies:1.5/10)', async () => {
      await parts.server.server.close();
      const before = count();
      expect((await call('/open')).status).toBe(traits.downStatus);
      expect(count()).toBe(before);
    });
  });
}

export interface Parts {
  readonly server: Castellan;
  readonly app: AppServer;
  readonly proxy: RunningProxy;
}
