import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  authorizationPolicy,
  requests,
  resources,
  settings,
} from '../../../test/support/policy-arbitraries.ts';
import { compile } from '../compile/steps.ts';
import type { AuthzRequest } from '../request.ts';
import type { AuthorizationPolicy, CompilableResource, EngineSettings } from '../source.ts';
import { evaluate } from './evaluate.ts';

const runs = { numRuns: 100 };

/** All that a decision says, but the revision. */
function verdict(given: readonly CompilableResource[], engine: EngineSettings, request: AuthzRequest) {
  return { ...evaluate(compile(given, engine), request), revision: '' };
}

function named(resource: CompilableResource, name: string, spec: object = {}): AuthorizationPolicy {
  const policy = resource as AuthorizationPolicy;
  return {
    ...policy,
    metadata: { ...policy.metadata, name, annotations: new Map() },
    spec: { ...policy.spec, ...spec },
  };
}

describe('metamorphic properties of evaluate', () => {
  it('the order of policies does not matter, to the decision or to the revision', () => {
    fc.assert(
      fc.property(resources, settings, requests, fc.integer(), (given, engine, request, turn) => {
        const other = given.toSorted((x, y) => (x.metadata.name < y.metadata.name ? turn : -turn));
        expect(verdict(other, engine, request)).toEqual(verdict(given, engine, request));
        expect(compile(other, engine).revision).toBe(compile(given, engine).revision);
      }),
      runs,
    );
  });

  it('one more DENY never lets anything in', () => {
    fc.assert(
      fc.property(resources, authorizationPolicy, settings, requests, (given, extra, engine, request) => {
        const deny = named(extra, 'one-more', { action: 'DENY', provider: undefined });
        if (verdict(given, engine, request).outcome === 'deny')
          expect(verdict([...given, deny], engine, request).outcome).toBe('deny');
      }),
      runs,
    );
  });

  it('one more ALLOW, where there is one already, never shuts anything out', () => {
    fc.assert(
      fc.property(resources, authorizationPolicy, settings, requests, (given, extra, engine, request) => {
        const allow = named(extra, 'one-more', { action: 'ALLOW', provider: undefined });
        const before = verdict(given, engine, request);
        if (before.reason === 'allowed_by_policy')
          expect(verdict([...given, allow], engine, request).outcome).toBe('allow');
      }),
      runs,
    );
  });

  it('a policy for others changes nothing', () => {
    fc.assert(
      fc.property(resources, authorizationPolicy, settings, requests, (given, extra, engine, request) => {
        const elsewhere = named(
          { ...extra, metadata: { ...extra.metadata, namespace: 'elsewhere' } } as CompilableResource,
          'one-more',
        );
        const otherApp = named(extra, 'one-more', {
          selector: { matchLabels: new Map([['app', 'nobody']]) },
        });
        const before = verdict(given, engine, request);
        expect(verdict([...given, elsewhere], engine, request)).toEqual(before);
        expect(verdict([...given, otherApp], engine, request)).toEqual(before);
      }),
      runs,
    );
  });

  it('a dry run changes nothing but what would have been', () => {
    fc.assert(
      fc.property(resources, authorizationPolicy, settings, requests, (given, extra, engine, request) => {
        const policy = named(extra, 'one-more', { action: 'DENY', provider: undefined });
        const dry = {
          ...policy,
          metadata: { ...policy.metadata, annotations: new Map([['istio.io/dry-run', 'true']]) },
        };
        const { wouldHave: ignored, inputs: read, ...before } = verdict(given, engine, request);
        const { wouldHave, inputs, ...after } = verdict([...given, dry], engine, request);
        expect(after).toEqual(before);
        if (wouldHave !== undefined && ignored === undefined) {
          const enforced = verdict([...given, policy], engine, request);
          expect(wouldHave.outcome).toBe(enforced.outcome);
        }
        expect(inputs).toEqual(expect.arrayContaining([...read]));
      }),
      runs,
    );
  });

  it('in strict mode splitting or joining header lines changes nothing, and in both modes their order does not matter', () => {
    fc.assert(
      fc.property(resources, settings, requests, (given, engine, request) => {
        const roles = request.http?.headers.get('x-role');
        if (request.http === undefined || roles === undefined) return;
        const withRoles = (lines: readonly string[]): AuthzRequest => ({
          ...request,
          http: request.http && { ...request.http, headers: new Map([['x-role', lines]]) },
        });
        const strict = { ...engine, strict: true };
        const before = verdict(given, strict, request);
        expect(verdict(given, strict, withRoles([roles.join(',')]))).toEqual(before);
        expect(verdict(given, strict, withRoles(roles.flatMap((line) => line.split(','))))).toEqual(before);
        expect(verdict(given, engine, withRoles(roles.toReversed()))).toEqual(
          verdict(given, engine, request),
        );
      }),
      { numRuns: 200 },
    );
  });

  it('forwarding what was normalised and asking again changes nothing', () => {
    fc.assert(
      fc.property(resources, settings, requests, (given, engine, request) => {
        const before = verdict(given, engine, request);
        const path = before.effects.path;
        if (path === undefined || request.http === undefined) return;
        const again = verdict(given, engine, { ...request, http: { ...request.http, path } });
        expect({ ...again, effects: { ...again.effects, path } }).toEqual(before);
      }),
      { numRuns: 200 },
    );
  });

  it('a request that agrees on the inputs that were read gets the same answer', () => {
    fc.assert(
      fc.property(resources, settings, requests, requests, (given, engine, request, other) => {
        const before = verdict(given, engine, request);
        const changed = changeUnread(request, other, new Set(before.inputs));
        expect(verdict(given, engine, changed)).toEqual(before);
      }),
      { numRuns: 300 },
    );
  });

  it('strict mode lets nothing in that the default mode keeps out', () => {
    fc.assert(
      fc.property(resources, settings, requests, (given, engine, request) => {
        const lenient = verdict(given, { ...engine, strict: false }, request);
        const strict = verdict(given, { ...engine, strict: true }, request);
        const isSamePath = (request.http?.path ?? '/') === '/' || !request.http?.path.includes('//');
        if (
          lenient.outcome === 'deny' &&
          isSamePath &&
          lenient.stage !== 'custom' &&
          given.every(isUnnormalised)
        )
          expect(strict.outcome).toBe('deny');
      }),
      { numRuns: 300 },
    );
  });
});

/** Everything from `other` that the inputs do not name. */
function changeUnread(request: AuthzRequest, other: AuthzRequest, read: ReadonlySet<string>): AuthzRequest {
  const keep = (input: string) => read.has(input);
  const { connection, http } = request;
  const headers = keep('request.headers[x-role]') ? http?.headers : other.http?.headers;
  return {
    ...request,
    connection: {
      ...connection,
      sni: keep('connection.sni') ? connection.sni : other.connection.sni,
      sourceIp: keep('source.ip') || keep('remote.ip') ? connection.sourceIp : other.connection.sourceIp,
      remoteIp: keep('remote.ip') ? connection.remoteIp : other.connection.remoteIp,
    },
    http: http && { ...http, headers: headers ?? new Map() },
    tokens: keep('request.auth') ? request.tokens : other.tokens,
    custom: keep('custom[door]') ? request.custom : other.custom,
  };
}

/** Hosts and paths of the vocabulary that strict mode reads more widely could turn a deny into an allow. */
function isUnnormalised(resource: CompilableResource): boolean {
  if (resource.kind !== 'AuthorizationPolicy') return true;
  const operations = resource.spec.rules.flatMap(({ to }) => to);
  return operations.every(
    ({ hosts, notHosts, paths, notPaths }) =>
      hosts.length + notHosts.length + paths.length + notPaths.length === 0,
  );
}
