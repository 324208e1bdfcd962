import { describe, expect, it } from 'vitest';
import { ask, checkServer } from '../../support/check-harness.ts';
import { policyYaml } from '../../support/policy.ts';

const onlyFront = policyYaml(
  'front',
  '{selector: {matchLabels: {app: cart}}, rules: [{from: [{source: {principals: ["cluster.local/ns/web/sa/front"]}}], to: [{operation: {methods: [GET], paths: ["/items"]}}]}]}',
);

describe('a Check over gRPC', () => {
  it('is allowed with status 0, the decision id for both sides, and the proven principal upstream', async () => {
    await using door = await checkServer({ policies: onlyFront });
    const { response } = await door.client.check(ask());
    expect(response.status?.code).toBe(0);
    expect(response.httpResponse.case).toBe('okResponse');
    if (response.httpResponse.case !== 'okResponse') return;
    const { headers, headersToRemove, responseHeadersToAdd } = response.httpResponse.value;
    const set = new Map(headers.map(({ header }) => [header?.key, header?.value]));
    expect(set.get('x-castellan-source-principal')).toBe('spiffe://cluster.local/ns/web/sa/front');
    expect(headersToRemove).toEqual(['x-castellan-request-principal', 'x-castellan-shadow']);
    const id = response.dynamicMetadata?.decision_id;
    expect(set.get('x-castellan-decision-id')).toBe(id);
    expect(responseHeadersToAdd.map(({ header }) => header?.value)).toEqual([id]);
    for (const option of headers) expect([option.append, option.appendAction]).toEqual([false, 2]);
  });

  it('is denied with gRPC OK, status 7, 403 and an id', async () => {
    await using door = await checkServer({ policies: onlyFront });
    const { response } = await door.client.check(ask({ method: 'DELETE' }));
    expect(response.status).toMatchObject({ code: 7, message: 'denied_no_allow_match' });
    expect(response.httpResponse).toMatchObject({
      case: 'deniedResponse',
      value: { status: { code: 403 }, body: 'RBAC: access denied' },
    });
    expect(response.dynamicMetadata).toMatchObject({
      decision_reason: 'denied_no_allow_match',
      enforced_engine_result: 'denied',
    });
  });

  it('about a plain connection needs no request, and its denial has no HTTP answer', async () => {
    await using door = await checkServer({
      policies: policyYaml('raw', '{rules: [{from: [{source: {namespaces: [web]}}]}]}'),
    });
    const yes = await door.client.check(ask({ tcp: true, port: 9000 }));
    expect([yes.response.status?.code, yes.response.httpResponse.case]).toEqual([0, undefined]);
    const no = await door.client.check(
      ask({ tcp: true, port: 9000, principal: 'spiffe://cluster.local/ns/other/sa/x' }),
    );
    expect([no.response.status?.code, no.response.httpResponse.case]).toEqual([7, undefined]);
  });

  it('about a workload that nobody knows is denied with a reason', async () => {
    await using door = await checkServer();
    const { response } = await door.client.check(ask({ to: '10.9.9.9' }));
    expect(response.status).toMatchObject({ code: 7, message: 'unknown_workload' });
  });

  it('before the first snapshot is a fault: an explicit deny with 503', async () => {
    await using door = await checkServer();
    door.unsetPolicy();
    const { response } = await door.client.check(ask());
    expect(response.status).toMatchObject({ code: 7, message: 'internal_error' });
    expect(response.httpResponse).toMatchObject({ value: { status: { code: 503 } } });
  });

  it.each([
    ['no message at all', new Uint8Array(0)],
    ['bytes that are no protobuf', Uint8Array.from([255, 255, 255, 255])],
    ['a field cut short', Uint8Array.from([10, 200])],
  ])('of %s is denied, never empty, never an error', async (_what, bytes) => {
    await using door = await checkServer();
    const { response, bytes: answer } = await door.client.send(bytes);
    expect(answer.length).toBeGreaterThan(0);
    expect(response.status?.code).toBe(7);
  });
});
