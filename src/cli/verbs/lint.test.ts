import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeIo } from '../../../test/fakes/io.ts';
import { runCommandLine } from '../frame/program.ts';
import { verbs } from './index.ts';

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'castellan-lint-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const policy = (name: string, spec: string, annotations = '') =>
  `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata:\n  name: ${name}\n  namespace: shop\n${annotations}spec:\n${spec}`;
const clean = policy('clean', '  rules:\n  - to:\n    - operation:\n        methods: ["GET"]\n');
const methodless = policy(
  'lower',
  '  # keep me\n  action: DENY\n  rules:\n  - to:\n    - operation:\n        methods: [get]   # oops\n        ports: ["80"]\n',
);
const typo = policy('typo', '  rules:\n  - to:\n    - operation:\n        method: ["GET"]\n');
const denyAll = policy('default', '  {}\n').replace('spec:\n  {}', 'spec: {}');

function write(name: string, text: string): string {
  const path = join(directory, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return name;
}

async function run(args: readonly string[], input = '') {
  const io = new FakeIo({ cwd: directory, input, columns: 120 });
  const code = await runCommandLine(verbs, args, io, new AbortController().signal);
  return { code, out: io.out, err: io.err };
}

describe('castellan lint', () => {
  test('a clean file is exit 0, with one line for people on standard error', async () => {
    const { code, out, err } = await run(['lint', write('clean.yaml', clean)]);
    expect({ code, out }).toEqual({ code: 0, out: '' });
    expect(err).toContain('1 resource in 1 file: nothing found');
  });

  test('an error is exit 1, and its place, path and fix are printed', async () => {
    const { code, out } = await run(['lint', write('typo.yaml', typo)]);
    expect(code).toBe(1);
    expect(out).toContain('typo.yaml\n');
    expect(out).toContain('10:9  error   CAS0908  unknown field `method`; did you mean `methods`?');
    expect(out).toContain('at   spec.rules[0].to[0].operation.method');
    expect(out).toContain('fix  write methods');
  });

  test('a warning fails only with --fail-on warning, a remark only with --fail-on info', async () => {
    const file = write('lower.yaml', methodless);
    expect((await run(['lint', file])).code).toBe(0);
    expect((await run(['lint', file, '--fail-on', 'warning'])).code).toBe(1);
    expect((await run(['lint', file, '--fail-on', 'sometimes'])).code).toBe(64);
  });

  test('a directory is read whole, in order of name, and only its YAML and JSON', async () => {
    write('dir/b.yaml', clean);
    write('dir/deep/a.yml', denyAll);
    write('dir/notes.txt', 'not: [yaml');
    write('dir/.hidden.yaml', 'not: [yaml');
    const { code, out } = await run(['lint', 'dir', '-o', 'name']);
    expect({ code, out }).toEqual({ code: 0, out: 'dir/deep/a.yml:6:7 CAS0101\n' });
  });

  test('standard input is read with a dash; documents of other kinds are counted', async () => {
    const { code, err } = await run(['lint', '-'], `${clean}---\napiVersion: apps/v1\nkind: Deployment\n`);
    expect(code).toBe(0);
    expect(err).toContain('skipped, not ours: 1 Deployment');
  });

  test('one object in two files is an error that names the other place', async () => {
    const { code, out } = await run(['lint', write('one.yaml', clean), write('two.yaml', clean)]);
    expect(code).toBe(1);
    expect(out).toContain('AuthorizationPolicy shop/clean is written twice: also in one.yaml, line 1');
  });

  test('--fix changes the characters it must, keeps comments and mode, and follows a link', async () => {
    const file = write('fix.yaml', methodless);
    chmodSync(join(directory, file), 0o640);
    symlinkSync(join(directory, file), join(directory, 'link.yaml'));
    const { code, err } = await run(['lint', 'link.yaml', '--fix']);
    expect(code).toBe(0);
    expect(err).toContain('1 finding fixed');
    expect(readFileSync(join(directory, file), 'utf8')).toBe(methodless.replace('[get]', '[GET]'));
    expect(statSync(join(directory, file)).mode & 0o777).toBe(0o640);
    expect((await run(['lint', file, '--fix'])).err).toContain('0 findings fixed');
  });

  test('--fix of standard input prints the fixed text and nothing else', async () => {
    const { out } = await run(['lint', '-', '--fix'], methodless);
    expect(out).toBe(methodless.replace('[get]', '[GET]'));
  });

  test('a suppressed finding neither counts nor is fixed, and needs a reason', async () => {
    const file = write('suppressed.yaml', methodless);
    const fixed = await run(['lint', file, '--fail-on', 'warning', '--suppress', 'CAS0102=a test', '--fix']);
    expect(fixed.code).toBe(0);
    expect(readFileSync(join(directory, file), 'utf8')).toBe(methodless);
    expect((await run(['lint', file, '--suppress', 'CAS0102'])).code).toBe(64);
    expect((await run(['lint', file, '--suppress', 'CAS9999=why'])).code).toBe(64);
  });

  test('JSON has counts, skipped documents and every finding with its suppression', async () => {
    const file = write('json.yaml', `${methodless}---\n${denyAll}`);
    const { code, out } = await run(['lint', file, '-o', 'json', '--suppress', 'CAS0101=the default']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      apiVersion: 'castellan.dev/v1alpha1',
      kind: 'FindingList',
      resources: 2,
      counts: { error: 0, warning: 1, info: 0, suppressed: 1 },
      items: [
        {
          code: 'CAS0102',
          severity: 'warning',
          file: 'json.yaml',
          line: 12,
          column: 19,
          path: 'spec.rules[0].to[0].operation.methods[0]',
          resource: 'AuthorizationPolicy shop/lower',
          fixable: true,
        },
        { code: 'CAS0101', suppression: { by: 'flag', reason: 'the default' }, fixable: false },
      ],
    });
  });

  test('SARIF 2.1.0 names rules, levels, places and suppressions', async () => {
    const file = write('a dir/sarif.yaml', `${methodless}---\n${denyAll}`);
    const { out } = await run(['lint', file, '-o', 'sarif', '--suppress', 'CAS0101=the default']);
    expect(JSON.parse(out)).toMatchObject({
      version: '2.1.0',
      runs: [
        {
          tool: {
            driver: {
              name: 'castellan',
              rules: [{ id: 'CAS0101' }, { id: 'CAS0102', defaultConfiguration: { level: 'warning' } }],
            },
          },
          results: [
            {
              ruleId: 'CAS0102',
              ruleIndex: 1,
              level: 'warning',
              locations: [
                {
                  physicalLocation: {
                    artifactLocation: { uri: 'a%20dir/sarif.yaml' },
                    region: { startLine: 12, startColumn: 19 },
                  },
                },
              ],
            },
            {
              ruleId: 'CAS0101',
              ruleIndex: 0,
              suppressions: [{ kind: 'external', justification: 'the default' }],
            },
          ],
        },
      ],
    });
  });

  test('sarif is a format of this verb and of no other', async () => {
    expect((await run(['version', '-o', 'sarif'])).code).toBe(64);
  });

  test('a file that is not there is bad input, no finding', async () => {
    expect((await run(['lint', 'nowhere.yaml'])).code).toBe(65);
  });

  test('text from a file cannot move the cursor or start a new line of the report', async () => {
    const nasty = policy('typo', `  "rul\\u001b[2Jes\\nx": []\n`);
    const { out, err } = await run(['lint', write('nasty.yaml', nasty)]);
    expect(`${out}${err}`.includes('\u001b')).toBe(false);
  });
});

describe('castellan explain of a finding', () => {
  test('prints its row without a server', async () => {
    const { code, out } = await run(['explain', 'CAS0104']);
    expect(code).toBe(0);
    expect(out).toContain('identity field where mutual TLS is not guaranteed');
    expect((await run(['explain', 'CAS9999'])).code).toBe(64);
  });
});

describe('castellan convert', () => {
  const role =
    'apiVersion: rbac.istio.io/v1alpha1\nkind: ServiceRole\nmetadata: {name: r, namespace: shop}\nspec: {rules: [{services: [cart]}]}\n---\n' +
    'apiVersion: rbac.istio.io/v1alpha1\nkind: ServiceRoleBinding\nmetadata: {name: b, namespace: shop}\nspec: {subjects: [{user: "*"}], roleRef: {kind: ServiceRole, name: r}}\n';

  test('prints YAML that says where each object came from; what has no equal goes to standard error', async () => {
    const { code, out, err } = await run(['convert', write('old.yaml', role)]);
    expect(code).toBe(0);
    expect(out).toBe(
      '# from ServiceRoleBinding shop/b (old.yaml:6)\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata:\n  name: b\n  namespace: shop\nspec:\n  selector:\n    matchLabels:\n      app: cart\n  action: ALLOW\n  rules:\n    - {}\n',
    );
    expect(err).toContain('CAS0812');
    expect((await run(['lint', '-'], out)).code).toBe(0);
  });

  test('JSON holds findings and items; nothing to convert is said', async () => {
    const { out } = await run(['convert', '-', '-o', 'json'], role);
    expect(JSON.parse(out)).toMatchObject({ kind: 'Conversion', items: [{ kind: 'AuthorizationPolicy' }] });
    expect((await run(['convert', '-'], clean)).err).toContain('no policy of Istio 1.0 to 1.4 was found');
  });

  test('what cannot be converted is exit 1', async () => {
    expect((await run(['convert', '-'], role.replace('[cart]', '["cart*"]'))).code).toBe(1);
  });
});
