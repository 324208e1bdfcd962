import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status as StatusCode } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { systemRandom } from '../../../src/adapters/system/random.ts';
import { proofMessage, signProof, verifyProof } from '../../../src/identity/index.ts';
import { createJoinToken } from '../../../src/operations/create-join-token.ts';
import { agentClient, attestWith } from '../../support/agent-client.ts';
import { AccountIssuer, scratchDirectory } from '../../support/callers.ts';
import { type Castellan, castellan } from '../../support/castellan.ts';
import { makeCertificate, makeCsr, makeRoot, type TestCertificate } from '../../support/foreign-pki.ts';

const refused = { code: StatusCode.UNAUTHENTICATED, details: 'the node did not prove what it is' };
const agentId = (rest: string) => `spiffe://cluster.local/castellan/agent/${rest}`;

const accounts = new AccountIssuer();
let ca: Castellan;
let machines: TestCertificate;

beforeAll(async () => {
  machines = await makeRoot('O=machines');
  const bundle = join(scratchDirectory(), 'machines.pem');
  writeFileSync(bundle, machines.pem);
  ca = await castellan({
    settings: `${accounts.settings}agents:
  nodeTtl: 2h
  x509Pop: { bundleFile: '${bundle}', name: common-name }
  k8sSat: { accounts: [castellan/agent] }
`,
  });
});
afterAll(() => ca[Symbol.asyncDispose]());

const machine = (name: string, shape = {}) =>
  makeCertificate({ subject: `CN=${name}`, extendedKeyUsage: ['1.3.6.1.5.5.7.3.2'], ...shape }, machines);

const pop = (of: TestCertificate) => ({ case: 'x509Pop' as const, value: { chainDer: [of.der] } });

function prove(of: TestCertificate, change: (message: Uint8Array) => Uint8Array = (message) => message) {
  const key = createPrivateKey(of.privateKeyPem);
  return (nonce: Uint8Array, csrDer: Uint8Array) => signProof(key, change(proofMessage(nonce, csrDer)));
}

/** What the operator can look up of the last refusal. */
async function whyRefused(): Promise<string> {
  const [last] = await ca.server.state.store.refusals.list(1);
  return last?.detail ?? '';
}

describe('a machine certificate with proof of its key', () => {
  it('makes an agent that is named after it, with what is known of it as selectors', async () => {
    const web = await machine('web-1');
    const agent = await attestWith(ca, pop(web), prove(web));
    expect(agent.id).toBe(agentId('x509pop/web-1'));
    const node = ca.server.state.store.nodes.find(agent.id);
    expect(node?.selectors).toContain('x509pop:subject:cn:web-1');
    expect((node?.notAfter ?? 0) - (node?.attestedAt ?? 0)).toBeLessThanOrEqual(2 * 3_600_000);
  });

  it('may attest again, and then what it had before no longer counts', async () => {
    const web = await machine('web-again');
    const first = await attestWith(ca, pop(web), prove(web));
    const second = await attestWith(ca, pop(web), prove(web));
    expect(second.id).toBe(first.id);
    const { der } = await makeCsr({});
    using old = agentClient(ca, first);
    await expect(old.renew(der)).rejects.toMatchObject({ code: StatusCode.UNAUTHENTICATED });
    using fresh = agentClient(ca, second);
    expect(await fresh.renew(der)).toHaveLength(2);
  });

  it('proves nothing by another key, by an old answer, or for another CSR', async () => {
    const [web, other] = [await machine('web-2'), await machine('web-3')];
    await expect(attestWith(ca, pop(web), prove(other))).rejects.toMatchObject(refused);
    expect(await whyRefused()).toContain('proof-of-possession-failed');
    const recorded: Uint8Array[] = [];
    await attestWith(ca, pop(web), (nonce, csrDer) => {
      const signature = prove(web)(nonce, csrDer);
      recorded.push(signature);
      return signature;
    });
    await expect(attestWith(ca, pop(web), () => recorded[0] ?? new Uint8Array())).rejects.toMatchObject(
      refused,
    );
    const { der } = await makeCsr({});
    await expect(attestWith(ca, pop(web), (nonce) => prove(web)(nonce, der))).rejects.toMatchObject(refused);
    await expect(attestWith(ca, pop(web), () => new Uint8Array(0))).rejects.toMatchObject(refused);
  });

  it('counts only from an authority that is named, in time, for clients, and with a name of one segment', async () => {
    const foreign = await makeRoot('O=machines');
    const attempts: readonly (readonly [TestCertificate, string])[] = [
      [await makeCertificate({ subject: 'CN=web-1' }, foreign), 'machine-certificate-'],
      [await machine('web-1', { notAfter: new Date(Date.now() - 5_000) }), 'machine-certificate-expired'],
      [
        await machine('web-1', { extendedKeyUsage: ['1.3.6.1.5.5.7.3.1'] }),
        'machine-certificate-ext_key_usage',
      ],
      [await machine('web-1', { isCa: true }), 'machine-certificate-leaf_is_authority'],
      [await machine('a/../join_token/web'), 'machine-name-unusable'],
      [await machine('..'), 'machine-name-unusable'],
    ];
    for (const [certificate, why] of attempts) {
      await expect(attestWith(ca, pop(certificate), prove(certificate))).rejects.toMatchObject(refused);
      expect(await whyRefused()).toContain(why);
    }
    const nothing = { case: 'x509Pop' as const, value: { chainDer: [] } };
    await expect(attestWith(ca, nothing)).rejects.toMatchObject(refused);
  });

  it.each(['P-384', 'rsa', 'ed25519'])('proves itself with a %s key too', (kind) => {
    const { privateKey, publicKey } =
      kind === 'rsa'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : kind === 'P-384'
          ? generateKeyPairSync('ec', { namedCurve: 'P-384' })
          : generateKeyPairSync('ed25519');
    const message = proofMessage(Uint8Array.of(1), Uint8Array.of(2));
    const signature = signProof(privateKey, message);
    expect(verifyProof(publicKey, message, signature)).toBe(true);
    expect(verifyProof(publicKey, proofMessage(Uint8Array.of(9), Uint8Array.of(2)), signature)).toBe(false);
  });
});

describe('a Kubernetes service account token', () => {
  const token = (of: Parameters<AccountIssuer['token']>[0]) => ({
    case: 'k8sSat' as const,
    value: accounts.token({ namespace: 'castellan', account: 'agent', ...of }),
  });
  const onNode = (name: string) => ({
    claims: {
      'kubernetes.io': {
        namespace: 'castellan',
        serviceaccount: { name: 'agent', uid: 'u' },
        node: { name, uid: 'n' },
        pod: { name: 'agent-x', uid: 'pod-uid' },
      },
    },
  });

  it('makes an agent that is named after the node it is bound to', async () => {
    const agent = await attestWith(ca, token(onNode('node-1')));
    expect(agent.id).toBe(agentId('k8s_sat/node-1'));
    expect(ca.server.state.store.nodes.find(agent.id)?.selectors).toEqual([
      'k8s_sat:cluster:Kubernetes',
      'k8s_sat:agent_ns:castellan',
      'k8s_sat:agent_sa:agent',
      'k8s_sat:agent_node_name:node-1',
      'k8s_sat:agent_pod_name:agent-x',
      'k8s_sat:agent_pod_uid:pod-uid',
    ]);
  });

  it('of another account, without a binding, out of time or for others makes none', async () => {
    const attempts: readonly (readonly [Parameters<typeof token>[0], string])[] = [
      [{ account: 'cart', namespace: 'shop', podUid: 'u' }, 'account-not-an-agent'],
      [{}, 'no-node-binding'],
      [{ ...onNode('node-1'), lifetime: -3_600 }, 'jwt-expired'],
      [{ ...onNode('node-1'), audience: ['somebody-else'] }, 'jwt-'],
      [onNode('a/b'), 'no-node-binding'],
    ];
    for (const [of, why] of attempts) {
      await expect(attestWith(ca, token(of))).rejects.toMatchObject(refused);
      expect(await whyRefused()).toContain(why);
    }
  });
});

describe('a join token', () => {
  const operator = { name: 'test', method: 'local', role: 'admin', requestId: 'test' } as const;
  const make = (wanted: { readonly agent: string } | { readonly spiffeId: string }) =>
    createJoinToken(
      {
        joinTokens: ca.server.state.store.joinTokens,
        trustDomain: ca.server.state.authority.trustDomain,
        clock: systemClock,
        random: systemRandom,
      },
      operator,
      wanted,
    );

  it('of a workload makes no agent, and one of an agent makes no workload (adv:A3)', async () => {
    const workload = await make({ spiffeId: 'spiffe://cluster.local/ns/shop/sa/cart' });
    const evidence = { case: 'joinToken' as const, value: workload.token.reveal() };
    await expect(attestWith(ca, evidence)).rejects.toMatchObject(refused);
    expect(await whyRefused()).toContain('join-token-not-for-agents');
    const agent = await make({ agent: 'web' });
    using client = ca.client();
    const { pem } = await makeCsr({});
    const bearer = { authorization: `Bearer ${agent.token.reveal()}` };
    await expect(client.create({ csr: pem }, bearer)).rejects.toMatchObject({
      code: StatusCode.UNAUTHENTICATED,
    });
  });

  it('is made for names of one segment only; without a name, one is chosen', async () => {
    await expect(make({ agent: 'a/b' })).rejects.toMatchObject({ code: 'AGENT_NAME_MALFORMED' });
    await expect(make({ agent: agentId('x509pop/web') })).rejects.toMatchObject({
      code: 'AGENT_NAME_MALFORMED',
    });
    expect((await make({ agent: agentId('join_token/web') })).spiffeId).toBe(agentId('join_token/web'));
    expect((await make({ agent: '' })).spiffeId).toMatch(/\/castellan\/agent\/join_token\/[0-9a-z]{26}$/);
  });
});
