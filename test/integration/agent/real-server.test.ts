import { describe, expect, it } from 'vitest';
import {
  type X509SVID,
  X509SVIDRequestSchema,
  X509SVIDResponseSchema,
} from '../../../src/wire/gen/spiffe/workload/workloadapi_pb.js';
import { parseCertificate } from '../../../src/x509/index.ts';
import { errorOf, SocketClient } from '../../support/agent.ts';
import { apply } from '../../support/callers.ts';
import { castellan } from '../../support/castellan.ts';

const fetchX509 = '/SpiffeWorkloadAPI/FetchX509SVID';
const x509 = [X509SVIDRequestSchema, X509SVIDResponseSchema] as const;
const parentId = 'spiffe://cluster.local/castellan/agent/join_token/local';
const uid = process.getuid?.() ?? 0;

const registered = (name: string, selectors: readonly string[], more: object = {}) =>
  `${JSON.stringify({
    apiVersion: 'castellan.dev/v1alpha1',
    kind: 'IdentityRegistration',
    metadata: { name },
    spec: { spiffeId: `spiffe://cluster.local/${name}`, parentId, selectors, ...more },
  })}\n`;

describe('castellan up', () => {
  it('runs an agent too: a process is refused, then registered, then has its identity', async () => {
    await using ca = await castellan({ flags: { 'agent.withUp': 'true' } });
    const socket = ca.server.endpoints.workloadApi?.slice('unix:'.length) ?? '';
    using client = new SocketClient(socket);
    await apply(ca, registered('other', ['unix:uid:4242', `unix:gid:${process.getgid?.() ?? 0}`]));
    const refused = await errorOf(client.stream(fetchX509, x509).next());
    expect(refused.details).toContain('no identity is registered');
    const requestId = String(refused.metadata.get('x-castellan-request-id')[0]);
    const refusal = await ca.server.state.store.refusals.find(requestId);
    expect(refusal?.evidence).toMatchObject({
      selectors: expect.arrayContaining([`unix:uid:${uid}`]),
      nearestRegistration: 'default/other',
      missingSelectors: ['unix:uid:4242'],
    });
    await apply(ca, registered('web', [`unix:uid:${uid}`]));
    const svid = await firstSvid(client);
    expect(svid.spiffeId).toBe('spiffe://cluster.local/web');
    const leaf = parseCertificate(svid.x509Svid.subarray(0, derLength(svid.x509Svid)));
    expect(leaf.san?.uris).toEqual(['spiffe://cluster.local/web']);
    expect(await ca.server.state.store.issuances.findBySerial(leaf.serial)).toBeDefined();
  });
});

describe('DNS names', () => {
  it('of a registration are in its certificates, anew when they change, and no others', async () => {
    await using ca = await castellan({ flags: { 'agent.withUp': 'true' } });
    const socket = ca.server.endpoints.workloadApi?.slice('unix:'.length) ?? '';
    using client = new SocketClient(socket);
    const register = (...dnsNames: string[]) =>
      apply(ca, registered('web', [`unix:uid:${uid}`], { dnsNames }));
    await register('web.shop.example', '*.shop.example');
    const first = leafOf(await firstSvid(client));
    expect([...(first.san?.dnsNames ?? [])].sort()).toEqual(['*.shop.example', 'web.shop.example']);
    expect(first.san?.uris).toEqual(['spiffe://cluster.local/web']);
    using stream = client.stream(fetchX509, x509);
    await stream.next();
    await register('shop.example');
    const changed = leafOf((await stream.next()).svids[0] as X509SVID);
    expect(changed.san?.dnsNames).toEqual(['shop.example']);
    expect(changed.publicKey.spkiSha256).not.toBe(first.publicKey.spkiSha256);
    await register();
    expect(leafOf((await stream.next()).svids[0] as X509SVID).san?.dnsNames).toEqual([]);
  });
});

const leafOf = ({ x509Svid }: X509SVID) => parseCertificate(x509Svid.subarray(0, derLength(x509Svid)));

/** A registration is pushed: until it is here the answer is no. */
async function firstSvid(client: SocketClient) {
  for (;;) {
    using stream = client.stream(fetchX509, x509);
    const first = await stream.next().catch(() => undefined);
    const [svid] = first?.svids ?? [];
    if (svid !== undefined) return svid;
  }
}

function derLength(der: Uint8Array): number {
  return 4 + ((der[2] as number) << 8) + (der[3] as number);
}
