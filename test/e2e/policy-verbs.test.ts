import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { policyScene } from '../support/policy-scene.ts';

const { cli, cwd, program } = policyScene();

describe('castellan test', () => {
  it('passes the examples, each with its own mesh, and every rule is reached', async () => {
    const { code, stdout, stderr } = await program(['test', 'examples', '--min-coverage', '100']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/ok \d+ passed, 0 failed\n/);
    expect(stdout).toMatch(/ok coverage: rules (\d+)\/\1 \(100%\), clauses (\d+)\/\2 \(100%\)\n$/);
    expect(stdout).toContain('  ok shop/web            allow       allow         deny          deny\n');
  });

  it('says what was wanted, what came, why, and where the case stands; exits 1, and writes it for CI', async () => {
    const { code, stdout } = await program(['test', 'new', '--junit', 'report.xml']);
    expect(code).toBe(1);
    expect(stdout).toContain('no a deletion is allowed to the editor, and recorded');
    expect(stdout).toContain('outcome: wanted allow, got deny');
    expect(stdout).toMatch(
      /why {2}2 ALLOW policies select shop\/catalogue and none of 2 rules matches; nearest is rule 1/,
    );
    expect(stdout).toMatch(/at {3}new\/tests.yaml:\d+/);
    expect(stdout).toContain('24 passed, 2 failed'.replace('24', '23'));
    const junit = readFileSync(join(cwd, 'report.xml'), 'utf8');
    expect(junit).toContain('<testsuites name="castellan test" tests="25" failures="2">');
    expect((await cli(['test', 'new', '-o', 'junit'])).stdout).toBe(junit);
    const names = await cli(['test', 'new', '-o', 'name']);
    expect(names.stdout.trim().split('\n')).toHaveLength(2);
  });

  it('counts rules that no tested workload meets, and can ask for a share of them', async () => {
    const policy =
      'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: far, namespace: away}\nspec: {rules: [{to: [{operation: {methods: [GET]}}]}]}\n---\n';
    const test =
      'apiVersion: castellan.dev/v1alpha1\nkind: PolicyTest\nmetadata: {name: t}\nspec:\n  workloads: {w: {namespace: here}}\n  cases: [{name: open, to: "w:80", call: GET /, expect: allow}]\n';
    const input = policy + test;
    const report = await cli(['test', '-', '--coverage'], { input });
    expect(report.code).toBe(0);
    expect(report.stdout).toContain('coverage: rules 0/1 (0%)');
    expect(report.stdout).toContain('never matched: ns[away]-policy[far]-rule[0]');
    expect(report.stdout).toContain('never true: ns[away]-policy[far]-rule[0] to[0] operation.methods');
    expect((await cli(['test', '-', '--min-coverage', '1'], { input })).code).toBe(1);
    const json = JSON.parse((await cli(['test', '-', '-o', 'json'], { input })).stdout) as unknown;
    expect(json).toMatchObject({
      kind: 'PolicyTestReport',
      passed: 1,
      failed: 0,
      coverage: { rules: { covered: 0, total: 1 } },
      items: [{ name: 'open', passed: true, decision: { outcome: 'allow' } }],
    });
  });

  it.each([
    [['test', 'examples/istio-1.4'], 65, 'NO_POLICY_TESTS'],
    [['test', 'missing'], 65, 'INPUT_UNREADABLE'],
    [['test'], 64, 'USAGE'],
    [['test', 'examples', '--min-coverage', 'all'], 64, 'USAGE'],
  ])('%j exits %i (%s)', async (args, code, text) => {
    const ran = await cli(args);
    expect([ran.code, ran.stdout]).toEqual([code, '']);
    expect(ran.stderr).toContain(text);
  });

  it('refuses a test with a word it does not know, and says which one was meant', async () => {
    const input =
      'apiVersion: castellan.dev/v1alpha1\nkind: PolicyTest\nmetadata: {name: t}\nspec:\n  workloads: {w: {namespace: here}}\n  cases: [{to: "w:80", call: GET /, expcet: allow}]\n';
    const { code, stderr } = await cli(['test', '-'], { input });
    expect(code).toBe(65);
    expect(stderr).toMatch(/-:6:\d+: error CAS0908 unknown field `expcet`; did you mean `expect`\?/);
  });
});

describe('castellan diff', () => {
  it('says who gains and who loses, each with an example that was decided both ways; exits 1', async () => {
    const { code, stdout } = await program(['diff', 'examples/bookshop', 'new']);
    expect(code).toBe(1);
    expect(stdout).toMatchInlineSnapshot(`
      "~ AuthorizationPolicy shop/catalogue

      workloads of shop with app=catalogue
        + gains  peer    bookshop.example/ns/shop/sa/web, bookshop.example/ns/shop/sa/orders
                 path    /books, /books/, /books/…
                 method  POST
                 e.g.    POST /books from spiffe://bookshop.example/ns/shop/sa/web
                         deny (denied_no_allow_match) -> allow (ns[shop]-policy[catalogue]-rule[0])
        + gains  peer    bookshop.example/ns/back-office/sa/writer
                 path    /books/…
                 method  PUT, DELETE
                 e.g.    PUT /books/zq from spiffe://bookshop.example/ns/back-office/sa/writer
                         deny (denied_no_allow_match) -> allow (ns[shop]-policy[catalogue]-rule[1])
        - loses  peer    bookshop.example/ns/back-office/sa/editor
                 path    /books/…
                 method  PUT, DELETE
                 e.g.    PUT /books/zq from spiffe://bookshop.example/ns/back-office/sa/editor
                         allow (ns[shop]-policy[catalogue]-rule[1]) -> deny (denied_no_allow_match)

      warning: 2 groups of requests let in, 1 group of requests shut out; all others are decided as before
      "
    `);
  });

  it('exits 0 when every request is decided as before, whatever the text looks like', async () => {
    const text = readFileSync(join(cwd, 'new/shop.yaml'), 'utf8');
    cpSync(join(cwd, 'new'), join(cwd, 'same'), { recursive: true });
    writeFileSync(
      join(cwd, 'same/shop.yaml'),
      `# another comment\n${text.replace('["web", "orders"]', '["orders", "web"]')}`,
    );
    const { code, stdout } = await cli(['diff', 'new', 'same']);
    expect([code, stdout]).toEqual([
      0,
      '~ AuthorizationPolicy shop/catalogue\n\nok every request is decided as before\n',
    ]);
  });

  it('is complete as JSON: each item has a request, both decisions and what the requests have in common', async () => {
    const { code, stdout } = await cli(['diff', 'examples/bookshop', 'new', '-o', 'json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'PolicyDiff',
      isComplete: true,
      changes: [{ change: 'changed', resource: 'AuthorizationPolicy shop/catalogue' }],
      items: expect.arrayContaining([
        expect.objectContaining({
          change: 'lost',
          workload: expect.objectContaining({ labels: { app: 'catalogue' } }),
          who: expect.objectContaining({ method: ['PUT', 'DELETE'] }),
          example: expect.objectContaining({ peer: 'spiffe://bookshop.example/ns/back-office/sa/editor' }),
          before: expect.objectContaining({ outcome: 'allow' }),
          after: expect.objectContaining({ outcome: 'deny', reason: 'denied_no_allow_match' }),
        }),
      ]) as unknown,
    });
  });

  it.each([
    [['diff', 'examples/bookshop'], 64],
    [['diff', 'examples/bookshop', 'missing'], 65],
    [['diff', 'examples/bookshop', 'new', '--max-entries', '0'], 64],
  ])('%j exits %i', async (args, code) => {
    expect((await cli(args)).code).toBe(code);
  });
});

describe('castellan describe workload', () => {
  it('shows mutual TLS by port with what sets it, and the policies in order, in words', async () => {
    const { code, stdout } = await program(['describe', 'workload/orders', '-f', 'examples/bookshop']);
    expect(code).toBe(0);
    expect(stdout).toMatchInlineSnapshot(`
      "workload shop/orders
        from      PolicyTest bookshop
        labels    app=orders
        account   orders

        PORT          MUTUAL TLS   SET BY
        8080          STRICT       PeerAuthentication istio-system/default (the mesh)
        other ports   STRICT       PeerAuthentication istio-system/default (the mesh)

        Policies, in the order of evaluation
         1  RequestAuthentication shop/customers
              tokens of https://accounts.bookshop.example for orders
         2  DENY istio-system/debug-for-ops-only
              from namespace not ops; port 8080, path /debug/*
         3  DENY shop/bulk-orders-from-the-office   (dry run: only watched)
              from client address not 192.0.2.0/24; port 8080, path /orders/bulk
         4  ALLOW shop/default-deny   (no rules: matches nothing)
         5  ALLOW shop/orders
              from request principal https://accounts.bookshop.example/* and service account web; method GET or POST, path /orders or /orders/{*}
              from request principal https://accounts.bookshop.example/* and service account web; method POST, path /orders/{*}/refund; when claim groups is clerks
      "
    `);
  });

  it('finds workloads in manifests, by the Service in front of them too, and says what has no say', async () => {
    const tasks = 'examples/istio-tasks/mutual-tls';
    const { stdout } = await cli(['describe', 'workload', 'bar/httpbin', '-f', tasks]);
    expect(stdout).toContain(
      'from      Deployment bar/httpbin (examples/istio-tasks/mutual-tls/workloads.yaml:',
    );
    expect(stdout).toMatch(/9090 .*DISABLE .*PeerAuthentication bar\/httpbin \(this port\)/);
    expect(stdout).toContain('no other policy selects it: every request passes');
    const json = await cli([
      'describe',
      'workload/reviews-v2',
      '-f',
      'examples/istio-tasks/bookinfo',
      '-o',
      'json',
    ]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      kind: 'WorkloadPolicy',
      namespace: 'default',
      name: 'reviews-v2',
      serviceAccount: 'bookinfo-reviews',
      ports: { 9080: 'http' },
      mtls: [{ port: 9080, mode: 'STRICT', level: 'namespace' }, { mode: 'STRICT' }],
      policies: [
        { policy: { kind: 'PeerAuthentication' } },
        { policy: { name: 'allow-nothing' }, says: [] },
        { policy: { name: 'reviews-viewer' }, action: 'ALLOW' },
      ],
    });
  });

  it('takes the versions behind a Service for one, unless a policy tells them apart', async () => {
    const manifests = readFileSync(join(cwd, 'examples/istio-tasks/bookinfo/workloads.yaml'), 'utf8');
    const words = ['describe', 'workload/reviews', '-f', '-'];
    const same = await cli(words, { input: manifests });
    expect([same.code, same.stdout]).toEqual([0, expect.stringContaining('workload default/reviews-v1')]);
    const onlyNew =
      '---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: new, namespace: default}\nspec: {selector: {matchLabels: {version: v2}}}\n';
    const apart = await cli(words, { input: manifests + onlyNew });
    expect(apart.code).toBe(64);
    expect(apart.stderr).toContain('may be 2 workloads: default/reviews-v1, default/reviews-v2');
  });

  it.each([
    [['describe', 'workload/ordres', '-f', 'examples/bookshop'], 64, 'did you mean orders?'],
    [['describe', 'workload/httpbin', '-f', 'examples/istio-tasks/mutual-tls'], 64, 'may be 2 workloads'],
    [['describe'], 64, 'USAGE'],
  ])('%j exits %i: %s', async (args, code, text) => {
    const ran = await cli(args);
    expect([ran.code, ran.stdout]).toEqual([code, '']);
    expect(ran.stderr).toContain(text);
  });
});
