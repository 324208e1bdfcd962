import { describe, expect, it } from 'vitest';
import { policyScene } from '../support/policy-scene.ts';

const { cli, program } = policyScene();

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
