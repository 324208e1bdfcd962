import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as tlsConnect, createServer as tlsServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { runCommandLine } from '../../src/cli/frame/program.ts';
import { verbs } from '../../src/cli/verbs/index.ts';
import { FakeIo } from '../fakes/io.ts';
import { run, type ServerProcess, scratchDirectory, startServer } from '../support/cli-process.ts';

const scratch = scratchDirectory();
const cwd = scratch.path;
let server: ServerProcess;
type More = { env?: Record<string, string>; input?: string; cwd?: string };
/** The command line in this process: the same code as the program, without starting one each time. */
const cli = async (args: string[], more: More = {}) => {
  const env = { XDG_CONFIG_HOME: join(cwd, 'home'), ...more.env };
  const io = new FakeIo({ cwd, now: Date.now(), ...more, env });
  const code = await runCommandLine(verbs, args, io, new AbortController().signal);
  return { code, stdout: io.out, stderr: io.err };
};
/** The program itself. */
const program = (args: string[], more: More = {}) => run(args, { cwd, ...more });
const cart = 'spiffe://cluster.local/ns/shop/sa/cart';
const at = (name: string) => join(cwd, name);

beforeAll(async () => {
  server = await startServer({ cwd });
});
afterAll(async () => {
  await server.stop();
  scratch.remove();
});

describe('castellan issue', () => {
  it('writes a chain, a key of mode 0600 and the bundle, which openssl takes', async () => {
    const { code, stdout } = await program(['issue', cart, '--out', 'certs/dev', '--ttl', '1h']);
    expect(code).toBe(0);
    expect(stdout).toContain(cart);
    expect(statSync(at('certs/dev/key.pem')).mode & 0o777).toBe(0o600);
    const verified = execFileSync(
      'openssl',
      ['verify', '-CAfile', 'bundle.pem', '-untrusted', 'cert.pem', 'cert.pem'],
      { cwd: at('certs/dev'), encoding: 'utf8' },
    );
    expect(verified).toContain('cert.pem: OK');
  });

  it('makes what two Node peers talk mTLS with', async () => {
    await cli(['issue', 'spiffe://cluster.local/ns/shop/sa/web', '--out', 'certs/web']);
    const identity = (name: string) => ({
      cert: readFileSync(at(`certs/${name}/cert.pem`)),
      key: readFileSync(at(`certs/${name}/key.pem`)),
      ca: readFileSync(at(`certs/${name}/bundle.pem`)),
    });
    const seen = await new Promise<string>((resolve, reject) => {
      const listener = tlsServer(
        { ...identity('dev'), requestCert: true, rejectUnauthorized: true },
        (socket) => {
          resolve(socket.getPeerX509Certificate()?.subjectAltName ?? '');
          socket.end();
          listener.close();
        },
      );
      listener.listen(0, '127.0.0.1', () => {
        const { port } = listener.address() as { port: number };
        // A SPIFFE certificate carries no host name: identity is what its peers check.
        const options = { ...identity('web'), port, host: '127.0.0.1', checkServerIdentity: () => undefined };
        tlsConnect(options).once('error', reject).resume();
      });
    });
    expect(seen).toBe('URI:spiffe://cluster.local/ns/shop/sa/web');
  });

  it.each(['P-384', 'RSA-2048'])('makes a %s key when asked', async (type) => {
    const { code, stdout } = await cli([
      'issue',
      cart,
      '--key-type',
      type,
      '--out',
      'certs/typed',
      '-o',
      'json',
    ]);
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { kind: 'Certificate', spiffeId: cart }]);
  });

  it('takes a request of your own and prints the chain', async () => {
    const key = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj / -keyout own.key';
    execFileSync('openssl', `req -new ${key} -out own.csr`.split(' '), { cwd });
    const { code, stdout } = await cli(['issue', cart, '--csr', 'own.csr']);
    expect([code, stdout.match(/BEGIN CERTIFICATE/g)?.length]).toEqual([0, 3]);
    const piped = await cli(['issue', cart, '--csr', '-', '-o', 'json'], {
      input: readFileSync(at('own.csr'), 'utf8'),
    });
    expect(JSON.parse(piped.stdout)).toMatchObject({ spiffeId: cart, certificatePem: expect.any(String) });
  });

  it.each([
    [['cart'], 64, 'USAGE'],
    [[cart, '--ttl', 'soon'], 64, 'USAGE'],
    [[cart, '--key-type', 'DSA'], 64, 'USAGE'],
    [[cart, '--csr', 'missing.csr'], 65, 'INPUT_UNREADABLE'],
    [[cart, '--csr', 'own.csr', '--key-type', 'P-384'], 64, 'USAGE'],
    [['spiffe://cluster.local'], 65, 'IDENTITY_WITHOUT_PATH'],
    [['spiffe://elsewhere.example/x'], 65, 'FOREIGN_TRUST_DOMAIN'],
    [['spiffe://cluster.local/castellan/server'], 77, 'RESERVED_IDENTITY'],
    [[cart, '--ttl', '9000h'], 65, 'TTL_ERROR'],
    [[cart, '--out', 'own.csr/below'], 77, 'OUTPUT_UNWRITABLE'],
  ])('%j exits %i (%s) and prints no data', async (args, code, text) => {
    const ran = await cli(['issue', ...args]);
    expect([ran.code, ran.stdout]).toEqual([code, '']);
    expect(ran.stderr).toContain(text);
    expect(ran.stderr).toContain('  next  ');
  });
});

describe('castellan inspect', () => {
  it('shows, lints and verifies a file, and a live port', async () => {
    const file = await cli(['inspect', 'certs/dev/cert.pem', '--verify', '--lint']);
    expect([file.code, file.stdout.includes(cart), file.stdout.includes('verified')]).toEqual([
      0,
      true,
      true,
    ]);
    const port = await cli(['inspect', server.endpoints.csr, '--verify', '-o', 'json']);
    expect(JSON.parse(port.stdout)).toMatchObject({
      verdict: { ok: true },
      // Leaf, intermediate, root: an agent that pins a root must see it.
      items: [
        { spiffeId: 'spiffe://cluster.local/castellan/server' },
        { isAuthority: true },
        { isAuthority: true },
      ],
    });
  });

  it('says no to a certificate of strangers, and what it is to a request', async () => {
    const names = `-subj / -addext subjectAltName=URI:${cart}`;
    execFileSync('openssl', `req -x509 -new -key own.key ${names} -out foreign.pem`.split(' '), { cwd });
    const foreign = await cli(['inspect', 'foreign.pem', '--verify']);
    expect([foreign.code, foreign.stdout]).toEqual([1, expect.stringContaining('not valid')]);
    const request = await cli(['inspect', 'own.csr']);
    expect([request.code, request.stdout]).toEqual([0, expect.stringContaining('P-256')]);
  });

  it.each([
    ['own.key', 65],
    ['nothing.pem', 65],
    ['words.txt', 65],
    ['127.0.0.1:1', 69],
  ])('%s exits %i', async (what, code) => {
    writeFileSync(at('words.txt'), 'no certificate at all\n');
    const ran = await cli(['inspect', what]);
    expect([ran.code, ran.stdout]).toEqual([code, '']);
    expect(ran.stderr).not.toContain('PRIVATE KEY');
  });
});

const registration = `apiVersion: castellan.dev/v1alpha1
kind: MeshConfig
metadata:
  name: mesh
spec:
  trustDomain: cluster.local
`;

describe('castellan apply, get and delete', () => {
  it('keep a resource with its version and age, all formats agree, and exit codes tell', async () => {
    writeFileSync(at('mesh.yaml'), registration);
    const dry = await cli(['apply', '-f', 'mesh.yaml', '--dry-run']);
    expect([dry.code, dry.stdout]).toEqual([0, 'meshconfig/mesh created (dry run)\n']);
    expect((await cli(['apply', '-f', 'mesh.yaml'])).stdout).toBe('meshconfig/mesh created\n');
    expect((await cli(['apply', '-f', 'mesh.yaml'])).stdout).toBe('meshconfig/mesh unchanged\n');
    const found = JSON.parse((await cli(['get', 'meshconfig', 'mesh', '-o', 'json'])).stdout);
    expect(found.metadata).toMatchObject({ name: 'mesh', namespace: 'default', resourceVersion: '1' });
    expect((await cli(['get', 'MeshConfig', '-o', 'name'])).stdout).toBe('meshconfig/mesh\n');
    expect((await cli(['get', 'meshconfigs', '--no-headers'])).stdout).toMatch(/^MeshConfig +default +mesh/);
    // What get prints can be applied; a version that has passed is refused.
    const yaml = (await cli(['get', 'meshconfig/mesh', '-o', 'yaml'])).stdout;
    expect((await cli(['apply', '-f', '-'], { input: yaml })).stdout).toContain('unchanged');
    writeFileSync(at('mesh.yaml'), registration.replace('cluster.local', 'cluster2.local'));
    expect((await cli(['apply', '-f', 'mesh.yaml'])).stdout).toBe('meshconfig/mesh updated\n');
    const stale = await cli(['apply', '-f', '-'], { input: yaml });
    expect([stale.code, stale.stderr.includes('RESOURCE_VERSION_CONFLICT')]).toEqual([1, true]);
    const removed = await cli(['delete', 'meshconfig', 'mesh', '-o', 'name']);
    expect([removed.code, removed.stdout]).toEqual([0, 'meshconfig/mesh\n']);
    expect((await cli(['delete', '-f', 'mesh.yaml'])).code).toBe(1);
    const none = await cli(['get', 'meshconfig', '--exit-code']);
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('-A takes all')]);
  });

  it('refuse a text with an error, with the place an editor can jump to', async () => {
    writeFileSync(at('bad.yaml'), registration.replace('trustDomain', 'trustDomian'));
    const { code, stdout, stderr } = await cli(['apply', '-f', 'bad.yaml']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^bad\.yaml:6:3: error CAS0908 .*trustDomain/m);
  });

  it.each([
    [['get', 'identitis'], 64],
    [['get', 'identities', '--limit', 'all'], 64],
    [['apply'], 64],
    [['apply', '-f', 'missing.yaml'], 65],
    [['delete', 'nonsense', 'x'], 64],
  ])('%j exits %i', async (args, code) => {
    const ran = await cli(args);
    expect([ran.code, ran.stdout]).toEqual([code, '']);
  });
});

describe('castellan get', () => {
  const answers: readonly [string, string][] = [
    ['identities', '/identities'],
    ['roots', '/roots'],
    ['tokens', '/tokens'],
    ['audit', '/audit'],
    ['revocations', '/revocations'],
    ['config', '/config'],
  ];

  it.each(answers)('%s -o json is what the API reference says', async (noun, path) => {
    const { code, stdout } = await cli(['get', noun, '-o', 'json']);
    expect(code).toBe(0);
    const reference = JSON.parse(
      readFileSync(new URL('../../docs/reference/openapi.json', import.meta.url), 'utf8'),
    );
    const { schema } = reference.paths[`/api/v1${path}`].get.responses['200'].content['application/json'];
    const checked = z.fromJSONSchema(schema).safeParse(JSON.parse(stdout));
    expect(checked.error?.issues).toBeUndefined();
  });

  it.each(answers)('%s fits 80 columns in plain ASCII when it is no terminal', async (noun) => {
    const { stdout } = await cli(['get', noun], { env: { LANG: 'C.UTF-8' } });
    expect(stdout).toMatch(/^[\x20-\x7e\n]*$/);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('finds what ends soon, and exits 1 for nothing when asked to', async () => {
    const soon = await cli(['get', 'identities', '--expiring-within', '2h', '-o', 'json']);
    expect(JSON.parse(soon.stdout).items.length).toBeGreaterThan(0);
    expect((await cli(['get', 'identities', '--expiring-within', '1s', '--exit-code'])).code).toBe(1);
  });
});

describe('castellan token, revoke, explain, audit and check', () => {
  it('make a token that is shown once', async () => {
    const made = await cli([
      'token',
      'create',
      '--for',
      'spiffe://cluster.local/vm/billing',
      '--ttl',
      '5m',
      '-o',
      'json',
    ]);
    const { token } = JSON.parse(made.stdout) as { token: string };
    expect([made.code, token]).toEqual([0, expect.stringMatching(/^castellan_join_[\w-]{43}$/)]);
    expect((await cli(['get', 'tokens', '-o', 'json'])).stdout).not.toContain(token);
    expect((await cli(['token', 'create', '--for', 'spiffe://cluster.local/castellan/x'])).code).toBe(77);
    expect((await cli(['token', 'create', '--for', 'spiffe://cluster.local'])).code).toBe(65);
  });

  it('revoke only with --yes, and say first what stops', async () => {
    const target = 'spiffe://cluster.local/ns/shop/sa/web';
    const dry = await cli(['revoke', target]);
    expect([dry.code, dry.stdout]).toEqual([1, expect.stringContaining('1 valid certificate would stop')]);
    const done = await cli(['revoke', target, '--yes', '--reason', 'left the company']);
    expect(done.code).toBe(0);
    const { items } = JSON.parse((await cli(['get', 'identities', '--for', target, '-o', 'json'])).stdout);
    expect(items[0]).toMatchObject({ state: 'revoked', revokedReason: 'left the company' });
    expect((await cli(['revoke', target, '--lift', '--yes'])).code).toBe(0);
    expect((await cli(['revoke', target, '--lift', '--yes'])).code).toBe(1);
    expect((await cli(['revoke', 'not-a-thing'])).code).toBe(64);
  });

  it('explain a request by its id and an error by its code', async () => {
    const issued = JSON.parse((await cli(['issue', cart, '--out', 'certs/x', '-o', 'json'])).stdout);
    const known = await cli(['explain', issued.requestId]);
    expect([known.code, known.stdout]).toEqual([0, expect.stringContaining('certificate.issue')]);
    expect(known.stdout).toMatch(/notAfter: \d{4}-\d\d-\d\dT/);
    const unknown = await cli(['explain', '01AAAAAAAAAAAAAAAAAAAAAAAA']);
    expect([unknown.code, unknown.stderr.includes('REQUEST_UNKNOWN')]).toEqual([1, true]);
    const code = await cli(['explain', 'SERVER_UNREACHABLE']);
    expect([code.code, code.stdout]).toEqual([0, expect.stringContaining('castellan check')]);
  });

  it('verify the audit log and check the server, failing before expiry at a chosen threshold', async () => {
    expect((await cli(['audit', 'verify'])).code).toBe(0);
    const well = await cli(['check']);
    expect([well.code, well.stdout]).toEqual([0, expect.stringContaining('0 errors')]);
    const due = await cli(['check', '--expiring-within', '40d']);
    expect([due.code, due.stdout]).toEqual([1, expect.stringContaining('AUTHORITY_EXPIRES')]);
    expect((await cli(['check', '--fail-on', 'warning'])).code).toBe(1);
  });
});

describe('castellan over https', () => {
  it('needs the token and the roots, by file; a viewer may read only (adv:O01)', async () => {
    const roots = JSON.parse((await cli(['get', 'roots', '-o', 'json'])).stdout);
    writeFileSync(at('roots.pem'), roots.items[0].certificatePem);
    const env = (token: string) => ({
      CASTELLAN_SERVER: server.endpoints.admin,
      CASTELLAN_CA_FILE: at('roots.pem'),
      CASTELLAN_TOKEN_FILE: join(server.stateDir, token),
    });
    expect((await cli(['get', 'roots'], { env: env('operator-token') })).code).toBe(0);
    expect((await cli(['get', 'roots'], { env: env('viewer-token') })).code).toBe(0);
    const change = await cli(['revoke', cart, '--yes'], { env: env('viewer-token') });
    expect([change.code, change.stderr.includes('OPERATOR_NOT_PERMITTED')]).toEqual([77, true]);
    writeFileSync(at('loose-token'), 'x'.repeat(43), { mode: 0o644 });
    expect(
      (await cli(['get', 'roots'], { env: { ...env('x'), CASTELLAN_TOKEN_FILE: at('loose-token') } })).code,
    ).toBe(78);
    writeFileSync(at('wrong-token'), 'x'.repeat(43), { mode: 0o600 });
    expect(
      (await cli(['get', 'roots'], { env: { ...env('x'), CASTELLAN_TOKEN_FILE: at('wrong-token') } })).code,
    ).toBe(77);
    const strangers = { CASTELLAN_SERVER: server.endpoints.admin };
    expect((await cli(['get', 'roots'], { env: strangers })).code).toBe(69);
  });
});

describe('the program itself', () => {
  const table: readonly (readonly [string[], number])[] = [
    [['get', 'identities'], 0],
    [['get', 'nothing'], 64],
    [['apply', '-f', 'bad.yaml'], 1],
    [['delete', 'meshconfig', 'none'], 1],
    [['inspect', 'certs/dev/cert.pem'], 0],
    [['inspect', 'own.key'], 65],
    [['revoke', cart], 1],
    [['rotate', 'status'], 0],
    [['rotate', 'plan', 'leaf'], 64],
    [['rotate', 'rollback', 'root'], 1],
    [['taint', 'not-an-id'], 64],
    [['taint', '00ff00ff'], 1],
    [['token', 'create', '--for', 'spiffe://cluster.local/castellan/x'], 77],
    [['explain', 'USAGE'], 0],
    [['audit', 'verify'], 0],
    [['lint', 'missing.yaml'], 65],
    [['convert', 'missing.yaml'], 65],
    [['test', 'missing.yaml'], 65],
    [['diff', 'missing.yaml', 'missing.yaml'], 65],
    [['describe', 'workload/nobody'], 1],
    [['explain', '-f', 'missing.yaml', '--from', 'none', '--to', 'x'], 65],
    [['simulate'], 64],
    [['rotate', '--nonsense'], 64],
    [['taint'], 64],
    [['agent', '--nonsense'], 64],
    [['tail', '--nonsense'], 64],
    [['agent', '--nonsense'], 64],
    [['rotate', '--nonsense'], 64],
    [['taint', '--nonsense'], 64],
    [['describe', '--nonsense'], 64],
    [['simulate', '--nonsense'], 64],
    [['test', 'missing.yaml'], 65],
    [['diff', 'missing.yaml', 'missing-too.yaml'], 65],
    [['check', '--expiring-within', '40d'], 1],
    [['backup', 'copy.db'], 0],
    [['restore', 'copy.db', '--state-dir', server?.stateDir ?? '.castellan'], 75],
    [['init', '--state-dir', '.castellan'], 1],
    [['init', '--config', 'missing.yaml'], 78],
    [['server', '--state-dir', 'empty'], 78],
    [['agent', '--state-dir', 'no-agent'], 78],
    [['completion', 'bash'], 0],
    [['version', '--server', 'unix:/nowhere.sock'], 69],
    [['issue', cart, '--token', 'x'], 64],
  ];

  it('keeps the exit code contract for every verb', async () => {
    for (const [args, code] of table) {
      const ran = await program(args);
      expect([args.join(' '), ran.code, ran.stderr], ran.stderr).toEqual([args.join(' '), code, ran.stderr]);
      if (code >= 64) expect([args.join(' '), ran.stdout]).toEqual([args.join(' '), '']);
    }
    const named = new Set(table.map(([[verb]]) => verb));
    expect(verbs.filter(({ name }) => !named.has(name) && name !== 'up' && name !== 'issue')).toEqual([]);
  });
});
