import { describe, expect, it } from 'vitest';
import { cart, peerYaml, snapshotOf } from '../../../test/support/policy.ts';
import { effectivePeerAuthentication, effectivePeerAuthentications } from './queries.ts';

const mode = (name: string, value: string) => peerYaml(name, `{mtls: {mode: ${value}}}`);
const mesh = (value: string) => peerYaml('mesh', `{mtls: {mode: ${value}}}`, { namespace: 'istio-system' });
const selector = '{matchLabels: {app: cart}}';
const own = (spec: string) => peerYaml('own', `{selector: ${selector}, ${spec}}`);
const effective = (yaml: string, port?: number) => effectivePeerAuthentication(snapshotOf(yaml), cart, port);

describe('effective peer authentication', () => {
  it('is PERMISSIVE where nothing is said (policy:1.1/2 policy:1.2/4)', () => {
    expect(effective('')).toMatchObject({ mode: 'PERMISSIVE', level: 'default' });
  });

  it('takes the workload over the namespace over the mesh (policy:1.2/2 policy:1.2/4)', () => {
    expect(effective(mesh('STRICT'))).toMatchObject({ mode: 'STRICT', level: 'mesh' });
    expect(effective(mesh('STRICT') + mode('ns', 'DISABLE'))).toMatchObject({
      mode: 'DISABLE',
      level: 'namespace',
    });
    const all = mesh('STRICT') + mode('ns', 'DISABLE') + own('mtls: {mode: PERMISSIVE}');
    expect(effective(all)).toMatchObject({
      mode: 'PERMISSIVE',
      level: 'workload',
      setBy: { namespace: 'shop', name: 'own' },
    });
  });

  it('inherits where a mode is UNSET or left out (policy:1.1/2 policy:1.2/4)', () => {
    expect(effective(mesh('STRICT') + mode('ns', 'UNSET') + own('mtls: {}'))).toMatchObject({
      mode: 'STRICT',
      level: 'mesh',
    });
  });

  it('reads ports from the winning workload policy only, UNSET as the workload (policy:1.1/3 policy:1.2/5 policy:1.2/6)', () => {
    const yaml = mesh('STRICT') + own('portLevelMtls: {8080: {mode: DISABLE}, 9090: {mode: UNSET}}');
    expect(effective(yaml, 8080)).toMatchObject({ mode: 'DISABLE', level: 'port' });
    expect(effective(yaml, 9090)).toMatchObject({ mode: 'STRICT' });
    expect(effective(yaml, 7070)).toMatchObject({ mode: 'STRICT', level: 'mesh' });
  });

  it('lets the oldest of a class win as a whole, ties by name (policy:1.2/3 adv:P09)', () => {
    const young = peerYaml('a-young', '{mtls: {mode: DISABLE}}', { created: '2026-02-01T00:00:00Z' });
    const old = peerYaml('b-old', '{mtls: {mode: STRICT}}', { created: '2026-01-01T00:00:00Z' });
    expect(effective(young + old)).toMatchObject({ mode: 'STRICT', setBy: { name: 'b-old' } });
    expect(effective(young + old).overruled).toEqual([
      { policy: expect.objectContaining({ name: 'a-young' }), why: 'an older policy of the namespace wins' },
    ]);
    expect(effective(mode('b', 'DISABLE') + mode('a', 'STRICT'))).toMatchObject({ setBy: { name: 'a' } });
    expect(effective(mode('a-ageless', 'DISABLE') + young)).toMatchObject({ setBy: { name: 'a-young' } });
  });

  it('does not merge the ports of two policies of a class (policy:1.2/3)', () => {
    const ports = (name: string, port: number) =>
      peerYaml(name, `{selector: ${selector}, portLevelMtls: {${port}: {mode: DISABLE}}}`);
    expect(effective(ports('a', 8080) + ports('b', 9090), 9090).mode).toBe('PERMISSIVE');
  });

  it('ignores a selector in the root namespace, even for a workload that lives there (policy:1.2/2)', () => {
    const yaml = peerYaml('root', `{selector: ${selector}, mtls: {mode: STRICT}}`, {
      namespace: 'istio-system',
    });
    expect(effective(yaml).mode).toBe('PERMISSIVE');
    const atRoot = effectivePeerAuthentication(snapshotOf(yaml), { ...cart, namespace: 'istio-system' });
    expect(atRoot).toMatchObject({
      mode: 'PERMISSIVE',
      overruled: [{ why: 'a selector in the root namespace is ignored' }],
    });
  });

  it('lists every port that has a say, then the rest', () => {
    const yaml = own('mtls: {mode: STRICT}, portLevelMtls: {9090: {mode: PERMISSIVE}}');
    expect(
      effectivePeerAuthentications(snapshotOf(yaml), cart).map(({ port, mode: at }) => [port, at]),
    ).toEqual([
      [8080, 'STRICT'],
      [9090, 'PERMISSIVE'],
      [undefined, 'STRICT'],
    ]);
    expect(effective('', 15008)).toMatchObject({ mode: 'STRICT', level: 'hbone' });
  });
});
