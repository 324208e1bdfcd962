import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from '../../src/cli/frame/program.ts';
import { verbs } from '../../src/cli/verbs/index.ts';
import { FakeIo } from '../fakes/io.ts';
import { run, scratchDirectory } from '../support/cli-process.ts';

const scratch = scratchDirectory();
const cwd = scratch.path;
/** The program itself. */
const program = (args: string[], input?: string) =>
  run(args, { cwd, ...(input === undefined ? {} : { input }) });
/** The command line in this process: the same code as the program, without starting one each time. */
const cli = async (args: string[], more: { input?: string; terminal?: boolean; columns?: number } = {}) => {
  const env = { XDG_CONFIG_HOME: join(cwd, 'home'), LANG: 'C.UTF-8' };
  const io = new FakeIo({ cwd, ...more, env });
  const code = await runCommandLine(verbs, args, io, new AbortController().signal);
  return { code, stdout: io.out, stderr: io.err };
};

beforeAll(() => {
  cpSync(join(import.meta.dirname, '..', '..', 'examples'), join(cwd, 'examples'), { recursive: true });
  cpSync(join(cwd, 'examples/bookshop'), join(cwd, 'new'), { recursive: true });
  const shop = readFileSync(join(cwd, 'examples/bookshop/shop.yaml'), 'utf8');
  writeFileSync(
    join(cwd, 'new/shop.yaml'),
    shop
      .replace('methods: ["GET", "HEAD"]', 'methods: ["GET", "HEAD", "POST"]')
      .replace('back-office/editor', 'back-office/writer'),
  );
});
afterAll(() => scratch.remove());

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

describe('castellan explain on policies in files', () => {
  it('says who, what, why, stage by stage, the nearest rule and what would change it; exits 1 on deny', async () => {
    const { code, stdout } = await program(
      'explain -f examples/bookshop --from shop/web --to catalogue:8080 PUT /books/7'.split(' '),
    );
    expect(code).toBe(1);
    expect(stdout).toMatchInlineSnapshot(`
      "no DENY   denied_no_allow_match
        why     2 ALLOW policies select shop/catalogue and none of 2 rules matches; nearest is rule 0 of shop/catalogue: it wants method \`GET\` or \`HEAD\`, and it is \`PUT\`
        who     spiffe://bookshop.example/ns/shop/sa/web, proven by mutual TLS
        what    PUT /books/7 on catalogue.shop:8080, host catalogue.shop.svc.cluster.local
        answer  403 RBAC: access denied (rbac_access_denied_matched_policy[none])

        1 ok peer authentication     STRICT by istio-system/default
        2 ok path                    unchanged
        3 -  CUSTOM                  no CUSTOM policy selects this workload
        4 -  request authentication  no RequestAuthentication selects this workload
        5 ok DENY                    no rule of 1 DENY policy matches
        6 no ALLOW                   no rule of 2 ALLOW policies matches
            nearest  ns[shop]-policy[catalogue]-rule[0]
              ok source.serviceAccounts  wanted web, orders   got shop/web
              no operation.methods       wanted GET, HEAD   got PUT
              ok operation.paths         wanted /books, /books/*   got /books/7

        What would allow it
          another request  method \`GET\`
            or             method \`HEAD\`
          another policy   add \`PUT\` to operation.methods of shop/catalogue, rule 0
            or             add \`shop/web\` to source.serviceAccounts of shop/catalogue, rule 1
      "
    `);
  });

  const tokens =
    '{"iss":"testing@secure.istio.io","sub":"testing@secure.istio.io","aud":"httpbin","groups":["group2"]}';
  it.each([
    [
      'bookinfo',
      '--from none --to productpage:9080 GET /productpage',
      0,
      'rule 0 of default/productpage-viewer allows it: method `GET`',
    ],
    [
      'bookinfo',
      '--from none --to productpage POST /productpage',
      1,
      '2 ALLOW policies select default/productpage and the one rule does not match: rule 0 of default/productpage-viewer wants method `GET`, and it is `POST`',
    ],
    [
      'bookinfo',
      '--from default/bookinfo-productpage --to reviews:9080 GET /reviews/0',
      0,
      'rule 0 of default/reviews-viewer allows it: identity `cluster.local/ns/default/sa/bookinfo-productpage`, method `GET`',
    ],
    [
      'bookinfo',
      '--from productpage-v1 --to ratings GET /ratings/0',
      1,
      '2 ALLOW policies select default/ratings and the one rule does not match: rule 0 of default/ratings-viewer wants identity `cluster.local/ns/default/sa/bookinfo-reviews`, and it is `cluster.local/ns/default/sa/bookinfo-productpage`',
    ],
    [
      'bookinfo',
      '--from none --to details GET /details/0',
      1,
      'PeerAuthentication default/default asks for mutual TLS (STRICT, the namespace): the connection is plaintext',
    ],
    [
      'mutual-tls',
      '--from none --to httpbin.foo:8000 GET /ip',
      1,
      'PeerAuthentication foo/default asks for mutual TLS (STRICT, the namespace): the connection is plaintext',
    ],
    [
      'mutual-tls',
      '--from bar/curl --to httpbin.foo:8000 GET /ip',
      0,
      'no ALLOW policy selects foo/httpbin, and no DENY policy either: then everything passes',
    ],
    [
      'mutual-tls',
      '--from none --to bar/httpbin:9090 GET /ip',
      0,
      'no ALLOW policy selects bar/httpbin, and no DENY policy either: then everything passes',
    ],
    [
      'mutual-tls',
      '--from none --to bar/httpbin:8080 GET /ip',
      1,
      'PeerAuthentication bar/httpbin asks for mutual TLS (STRICT, the workload): the connection is plaintext',
    ],
    [
      'http-deny',
      '--from foo/curl --to httpbin GET /ip',
      1,
      'rule 0 of foo/deny-method-get denies it: port `8080`, method `GET`, header x-token is absent',
    ],
    [
      'http-deny',
      '--from foo/curl --to httpbin --header x-token:admin GET /ip',
      0,
      'rule 0 of foo/allow-path-ip allows it: path `/ip`',
    ],
    [
      'http-deny',
      '--from foo/curl --to httpbin --header x-token:admin GET /get',
      1,
      '1 ALLOW policy selects foo/httpbin and the one rule does not match: rule 0 of foo/allow-path-ip wants path `/ip`, and it is `/get`',
    ],
    [
      'jwt',
      '--from foo/curl --to httpbin GET /headers',
      1,
      '1 ALLOW policy selects foo/httpbin and the one rule does not match: rule 0 of foo/require-jwt wants request principal `testing@secure.istio.io/testing@secure.istio.io`, and no token was accepted; it wants claim groups `group1`, and no token was accepted',
    ],
    [
      'jwt',
      `--from foo/curl --to httpbin --jwt-claims ${tokens} GET /headers`,
      1,
      '1 ALLOW policy selects foo/httpbin and the one rule does not match: rule 0 of foo/require-jwt wants claim groups `group1`, and it is `group2`',
    ],
    [
      'jwt',
      `--from foo/curl --to httpbin --jwt-claims ${tokens.replace('group2', 'group1')} GET /headers`,
      0,
      'rule 0 of foo/require-jwt allows it: request principal `testing@secure.istio.io/testing@secure.istio.io`, claim groups `group1`',
    ],
    [
      'jwt',
      '--from foo/curl --to httpbin --jwt-fault expired GET /headers',
      1,
      'Jwt is expired (RequestAuthentication foo/jwt-example, rule 0)',
    ],
    [
      'ingress',
      '--from none --to istio-ingressgateway:80 --remote-ip 203.0.113.5 GET /',
      1,
      '1 ALLOW policy selects istio-system/istio-ingressgateway and the one rule does not match: rule 0 of istio-system/ingress-policy wants client address `192.0.2.7` or `198.51.100.0/24`, and it is `203.0.113.5`',
    ],
    [
      'ingress',
      '--from none --to istio-ingressgateway:80 --remote-ip 198.51.100.9 GET /',
      0,
      'rule 0 of istio-system/ingress-policy allows it: client address `198.51.100.9` (by `192.0.2.7` or `198.51.100.0/24`)',
    ],
    ['tcp', '--from foo/curl --to tcp-echo:9000', 0, 'rule 0 of foo/tcp-policy allows it: port `9000`'],
    [
      'tcp',
      '--from foo/curl --to tcp-echo:9001',
      1,
      '1 ALLOW policy selects foo/tcp-echo and none of 2 rules matches; nearest is rule 1 of foo/tcp-policy: it wants method `GET`, and this is a plain connection',
    ],
    [
      'tcp',
      '--from foo/curl --to tcp-echo:9002',
      1,
      '1 ALLOW policy selects foo/tcp-echo and none of 2 rules matches; nearest is rule 0 of foo/tcp-policy: it wants port `9000`, and it is `9002`',
    ],
    [
      'external-authorization',
      '--from foo/curl --to httpbin --custom sample-ext-authz-grpc=deny GET /headers',
      1,
      'rule 0 of foo/ext-authz asks a provider: provider `sample-ext-authz-grpc` denied',
    ],
    [
      'external-authorization',
      '--from foo/curl --to httpbin --custom sample-ext-authz-grpc=allow GET /headers',
      0,
      'no ALLOW policy selects foo/httpbin, and no DENY policy either: then everything passes',
    ],
    [
      'trust-domains',
      '--from old-td/ns/foo/sa/curl --to httpbin GET /ip',
      0,
      'rule 0 of foo/service-httpbin allows it: identity `old-td/ns/foo/sa/curl`, method `GET`',
    ],
    [
      'trust-domains',
      '--from foo/curl --to httpbin GET /ip',
      0,
      'rule 0 of foo/service-httpbin allows it: identity `new-td/ns/foo/sa/curl` (by `old-td/ns/foo/sa/curl`), method `GET`',
    ],
    [
      'trust-domains',
      '--from other-td/ns/foo/sa/curl --to httpbin GET /ip',
      1,
      'the peer is of the trust domain `other-td`; this mesh is `new-td` with the aliases old-td',
    ],
  ])('%s: explain %s exits %i and says: %s', async (directory, words, code, sentence) => {
    const ran = await cli(['explain', '-f', `examples/istio-tasks/${directory}`, ...words.split(' ')]);
    expect(ran.code).toBe(code);
    expect(ran.stdout).toContain(`\n  why     ${sentence}\n`);
  });

  it('says what it had to translate, assume or leave open', async () => {
    const at = (name: string, words: string) =>
      cli(['explain', '-f', `examples/istio-tasks/${name}`, ...words.split(' ')]);
    expect((await at('mutual-tls', '--from none --to httpbin.foo:8000 GET /ip')).stderr).toContain(
      'port 8000 of Service httpbin is port 8080 of the workload',
    );
    expect((await at('ingress', '--from none --to istio-ingressgateway GET /')).stderr).toContain(
      'a policy reads the client address: none was given (--remote-ip)',
    );
    expect((await at('tcp', '--from none --to tcp-ecco:9000')).stderr).toContain(
      'with the label app=tcp-ecco (--labels, -n); did you mean tcp-echo?',
    );
    expect(
      (await at('external-authorization', '--from foo/curl --to httpbin GET /headers')).stderr,
    ).toContain('say its answer with --custom sample-ext-authz-grpc=allow');
    expect((await at('jwt', '--from foo/curl --to httpbin --header authorization:x GET /')).stderr).toContain(
      'the token in --header is not verified here',
    );
  });

  it('is complete as JSON, and shows every policy, rule and clause with -o wide', async () => {
    const words = 'explain -f examples/bookshop --from shop/web --to catalogue:8080 GET /debug/x'.split(' ');
    const json = JSON.parse((await cli([...words, '-o', 'json'])).stdout) as Record<string, unknown>;
    expect(json).toMatchObject({
      apiVersion: 'castellan.dev/v1alpha1',
      kind: 'Explanation',
      request: {
        peer: 'spiffe://bookshop.example/ns/shop/sa/web',
        destination: {
          namespace: 'shop',
          name: 'catalogue',
          labels: { app: 'catalogue' },
          origin: 'PolicyTest bookshop',
        },
        destinationPort: 8080,
        http: { method: 'GET', path: '/debug/x' },
      },
      decision: {
        outcome: 'deny',
        policyId: 'ns[istio-system]-policy[debug-for-ops-only]-rule[0]',
        effects: { response: { status: 403, body: 'RBAC: access denied' } },
      },
      sentence:
        'rule 0 of istio-system/debug-for-ops-only denies it: namespace `shop`, port `8080`, path `/debug/x` (by `/debug/*`)',
    });
    expect((json.stages as { stage: string }[]).map(({ stage }) => stage)).toEqual([
      'peer_authentication',
      'normalisation',
      'custom',
      'request_authentication',
      'deny',
      'allow',
    ]);
    const wide = await cli([...words, '-o', 'wide']);
    expect(wide.stdout).toContain(
      'no operation.methods        wanted DELETE   got GET'.replace(/ {8}/, '  '),
    );
    expect(wide.stdout).toContain('- ALLOW shop/default-deny   (it has no rules, so it matches nothing)');
    expect((await cli([...words, '-o', 'name'])).stdout).toBe('deny\n');
  });

  it('breaks its lines at the width of a terminal, and marks there with symbols', async () => {
    const { stdout } = await cli(
      'explain -f examples/bookshop --from none --to catalogue:8080 GET /books --color never'.split(' '),
      { terminal: true, columns: 60 },
    );
    expect(stdout).toContain('✘ DENY   peer_plaintext_under_strict');
    const [, why] = /\n( {2}why .*\n(?: {10}.*\n)*)/.exec(stdout) ?? [];
    for (const line of why?.trimEnd().split('\n') ?? ['missing'.repeat(20)])
      expect(line.length).toBeLessThanOrEqual(60);
  });

  const files = ['explain', '-f', 'examples/bookshop'];
  it.each([
    [[...files, '--to', 'orders:8080', 'GET', '/'], 64, 'who calls is not said'],
    [[...files, '--from', 'none', 'GET', '/'], 64, 'which workload is called is not said'],
    [[...files, '--from', 'X/y/z', '--to', 'orders', 'GET', '/'], 64, 'is not a SPIFFE ID'],
    [[...files, '--from', 'none', '--to', 'orders', 'GET'], 64, 'a request is METHOD and PATH'],
    [
      [...files, '--from', 'none', '--to', 'orders', '--jwt-claims', 'x', 'GET', '/'],
      64,
      'not a JSON object',
    ],
    [
      [...files, '--from', 'none', '--to', 'orders', '--ip', '010.1.1.1', 'GET', '/'],
      64,
      'not an IP address',
    ],
    [[...files, '--from', 'none', '--to', 'orders:70000', 'GET', '/'], 64, 'is not a workload'],
    [[...files, '--from', 'none', '--to', 'orders', '--header', 'x', 'GET', '/'], 64, 'not a header line'],
    [['explain', '-f', 'missing', '--from', 'none', '--to', 'x', 'GET', '/'], 65, 'INPUT_UNREADABLE'],
    [['explain', 'GET', '/items'], 64, 'a request needs policies'],
  ])('%j exits %i: %s', async (args, code, text) => {
    const ran = await cli(args);
    expect([ran.code, ran.stdout]).toEqual([code, '']);
    expect(ran.stderr).toContain(text);
  });

  it('decides nothing on a file with an error, and says where it is', async () => {
    const input =
      'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: b}\nspec:\n  rules:\n    - from:\n        - source:\n            prinicpals: [x]\n';
    const { code, stdout, stderr } = await cli(
      ['explain', '-f', '-', '--from', 'none', '--to', 'x', 'GET', '/'],
      { input },
    );
    expect([code, stdout]).toEqual([65, '']);
    expect(stderr).toContain('-:8:13: error CAS0908 unknown field `prinicpals`; did you mean `principals`?');
    expect(stderr).toContain('POLICY_FILES_REFUSED');
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
