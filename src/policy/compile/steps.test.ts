import { describe, expect, it } from 'vitest';
import { peerYaml, policyYaml, requestTo, resourcesOf, snapshotOf } from '../../../test/support/policy.ts';
import { operation, source } from '../../../test/support/rule-check.ts';
import { evaluate } from '../evaluate/evaluate.ts';
import type { PolicySnapshot } from '../snapshot.ts';
import type { CompilableResource } from '../source.ts';
import { compile, compileSteps } from './steps.ts';

const some =
  policyYaml('a', `{rules: [${source('principals: [x]')}]}`) + policyYaml('b', '{action: DENY, rules: [{}]}');
const many = (count: number) =>
  resourcesOf(
    Array.from({ length: count }, (_, i) =>
      policyYaml(`p${i}`, `{rules: [${operation(`paths: [/p${i}]`)}, ${operation('ports: ["1"]')}]}`),
    ).join(''),
  );

describe('a snapshot', () => {
  it('has one revision for one content, in any order and however it was written', () => {
    const resources = resourcesOf(some);
    const { revision } = compile(resources);
    expect(revision).toMatch(/^[0-9a-f]{64}$/);
    expect(compile(resources.toReversed()).revision).toBe(revision);
    expect(compile(resourcesOf(some)).revision).toBe(revision);
    expect(compile(resources, { mesh: { trustDomain: 'cluster.local' } }).revision).toBe(revision);
  });

  it('has another revision for anything that decides', () => {
    const base = policyYaml('a', `{rules: [${source('principals: [x, y]')}]}`);
    const others = [
      policyYaml('a2', `{rules: [${source('principals: [x, y]')}]}`),
      policyYaml('a', `{rules: [${source('principals: ["x,y"]')}]}`),
      policyYaml('a', `{rules: [${source('principals: [y, x]')}]}`),
      policyYaml('a', `{rules: [${source('notPrincipals: [x, y]')}]}`),
      policyYaml('a', `{rules: [${source('principals: [x]')}, ${source('principals: [y]')}]}`),
      policyYaml('a', `{action: DENY, rules: [${source('principals: [x, y]')}]}`),
      policyYaml('a', `{rules: [${source('principals: [x, y]')}]}`, { namespace: 'web' }),
      policyYaml('a', `{rules: [${source('principals: [x, y]')}]}`, { dryRun: true }),
      policyYaml('a', `{selector: {matchLabels: {a: b}}, rules: [${source('principals: [x, y]')}]}`),
      base + peerYaml('p', '{mtls: {mode: STRICT}}'),
      '',
    ];
    const revisions = [base, ...others].map((yaml) => snapshotOf(yaml).revision);
    expect(new Set(revisions).size).toBe(revisions.length);
    const engines = [
      { strict: true },
      { mesh: { rootNamespace: 'x' } },
      { mesh: { trustDomainAliases: ['a'] } },
      { stripPathParameters: true },
      { mesh: { pathNormalization: 'NONE' as const } },
    ];
    const bySettings = [{}, ...engines].map((engine) => snapshotOf(base, engine).revision);
    expect(new Set(bySettings).size).toBe(bySettings.length);
  });

  it('ages decide, so they are content of a PeerAuthentication, and of nothing else (D16)', () => {
    const at = (created: string) => snapshotOf(peerYaml('p', '{}', { created })).revision;
    expect(at('2026-01-01T00:00:00Z')).not.toBe(at('2026-01-02T00:00:00Z'));
  });

  it('of two writings of one object the later counts (adv:P09)', () => {
    const versioned = (spec: string, version: string) => {
      const [resource] = resourcesOf(policyYaml('same', spec));
      return {
        ...resource,
        metadata: { ...resource?.metadata, resourceVersion: version },
      } as CompilableResource;
    };
    const old = versioned('{rules: [{}]}', '9');
    const young = versioned('{action: DENY, rules: [{}]}', '10');
    for (const strict of [false, true])
      for (const given of [
        [old, young],
        [young, old],
      ])
        expect(evaluate(compile(given, { strict }), requestTo()).reason).toBe('denied_by_policy');
  });

  it('is never the old one with new parts: a request sees one revision (adv:Z29)', () => {
    const before = snapshotOf(policyYaml('a', '{rules: [{}]}'));
    const after = compile(resourcesOf(policyYaml('a', '{action: DENY, rules: [{}]}')), {}, before);
    expect(evaluate(before, requestTo())).toMatchObject({ outcome: 'allow', revision: before.revision });
    expect(evaluate(after, requestTo())).toMatchObject({ outcome: 'deny', revision: after.revision });
  });

  it('passes over kinds that are not its own', () => {
    expect(compile([{ kind: 'Deployment' }]).counts).toEqual({ policies: 0, rules: 0 });
  });
});

describe('compiling in steps', () => {
  function drive(steps: ReturnType<typeof compileSteps>): { slices: number; snapshot: PolicySnapshot } {
    for (let slices = 1; ; slices++) {
      const step = steps.next();
      if (step.done) return { slices, snapshot: step.value };
    }
  }

  it('yields after a slice of work, with the same result (adv:P12 D24)', () => {
    const resources = many(300);
    const whole = drive(compileSteps(resources, {}, { unitsPerSlice: Number.POSITIVE_INFINITY }));
    const sliced = drive(compileSteps(resources, {}, { unitsPerSlice: 100 }));
    expect(whole.slices).toBe(1);
    expect(sliced.slices).toBeGreaterThan(15);
    expect(sliced.snapshot.revision).toBe(whole.snapshot.revision);
    const asked = requestTo({ path: '/p250' });
    expect(evaluate(sliced.snapshot, asked).policyId).toBe(evaluate(whole.snapshot, asked).policyId);
  });

  it("asks the driver's clock every few units, and no slice is longer than that", () => {
    let asked = 0;
    const { slices } = drive(compileSteps(many(300), {}, { shouldPause: () => ++asked % 2 === 0 }));
    expect(asked).toBeGreaterThan(60);
    expect(slices).toBeGreaterThan(30);
  });

  it('takes unchanged policies and groups over from the snapshot before', () => {
    const resources = many(50);
    const before = compile(resources);
    const edited = resourcesOf(
      policyYaml('p7', '{action: DENY, rules: [{}], selector: {matchLabels: {app: x}}}'),
    );
    const after = compile([...resources.slice(0, 7), ...edited, ...resources.slice(8)], {}, before);
    const entryOf = ({ internals }: PolicySnapshot, name: string) =>
      internals.entries.get(`AuthorizationPolicy\u0000shop\u0000${name}`)?.authorization;
    expect(entryOf(after, 'p8')).toBe(entryOf(before, 'p8'));
    expect(entryOf(after, 'p7')).not.toBe(entryOf(before, 'p7'));
    const same = compile(many(50), {}, before);
    expect(same.internals.groupsByKey.get('shop')).toBe(before.internals.groupsByKey.get('shop'));
    expect(same.revision).toBe(before.revision);
  });

  it('takes nothing over when the settings differ', () => {
    const resources = resourcesOf(
      policyYaml('a', `{rules: [${source('principals: [old.example/ns/web/sa/front]')}]}`),
    );
    const before = compile(resources);
    const mesh = { trustDomainAliases: ['old.example'] };
    expect(evaluate(compile(resources, { mesh }, before), requestTo()).outcome).toBe('allow');
    expect(evaluate(before, requestTo()).outcome).toBe('deny');
  });
});
