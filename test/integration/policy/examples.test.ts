import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compile, evaluate, explain } from '../../../src/policy/index.ts';
import { convertLegacy } from '../../../src/policy/legacy/index.ts';
import { lint } from '../../../src/policy/lint/index.ts';
import { CoverageCollector, readPolicyTest, runPolicyTest } from '../../../src/policy/test/index.ts';
import { joinResults, parseResources } from '../../../src/resources/index.ts';

const examples = join(import.meta.dirname, '..', '..', '..', 'examples');

function read(directory: string) {
  const files = readdirSync(join(examples, directory)).filter((name) => name.endsWith('.yaml'));
  return joinResults(
    files.map((file) => parseResources(readFileSync(join(examples, directory, file)), { file })),
  );
}

describe.each(['bookshop', 'moving-to-strict'])('the example %s', (directory) => {
  const result = read(directory);

  test('has no finding that is not suppressed with a reason', () => {
    const open = lint(result).filter(({ suppression }) => suppression === undefined);
    expect(open.map(({ code, file, line, message }) => `${file}:${line} ${code} ${message}`)).toEqual([]);
  });

  test('passes its own tests, and they reach every rule', () => {
    const mesh = result.resources.find((resource) => resource.kind === 'MeshConfig')?.spec;
    const snapshot = compile(result.resources, mesh === undefined ? {} : { mesh });
    const coverage = new CoverageCollector();
    const tests = result.resources.filter((resource) => resource.kind === 'PolicyTest');
    expect(tests.length).toBe(1);
    for (const one of tests) {
      const { definition, findings } = readPolicyTest(one);
      expect(findings).toEqual([]);
      const results = runPolicyTest(definition, (_mode, request) => {
        coverage.add(explain(snapshot, request));
        return evaluate(snapshot, request);
      });
      expect(
        results.flatMap(({ name, problems }) => problems.map((problem) => `${name}: ${problem}`)),
      ).toEqual([]);
    }
    expect(coverage.result.rules.missing).toEqual([]);
  });
});

describe('the example istio-1.4', () => {
  test('converts to policies that can be read, with what has no equal said', () => {
    const { converted, findings } = convertLegacy(read('istio-1.4'));
    expect(
      converted.map(
        ({ manifest }) => `${manifest.kind} ${manifest.metadata.namespace}/${manifest.metadata.name}`,
      ),
    ).toEqual([
      'PeerAuthentication istio-system/default',
      'PeerAuthentication library/search',
      'RequestAuthentication library/search',
      'AuthorizationPolicy library/search-require-token',
      'AuthorizationPolicy istio-system/rbac-default-deny',
      'AuthorizationPolicy kiosks/rbac-excluded',
      'AuthorizationPolicy library/readers',
    ]);
    expect(findings.map(({ code }) => code)).toEqual(['CAS0811', 'CAS0811', 'CAS0811']);
    for (const { manifest } of converted)
      expect(
        parseResources(JSON.stringify(manifest), { file: 'new.json' }).findings.filter(
          ({ severity }) => severity === 'error',
        ),
      ).toEqual([]);
  });
});
