import { expect, it } from 'vitest';
import { resourcesOf } from '../../../test/support/policy.ts';
import { engineSettings } from './build.ts';

it('a provider of MeshConfig at the address of an own door is this server, whatever its name', () => {
  const mesh = resourcesOf(`apiVersion: castellan.dev/v1alpha1
kind: MeshConfig
metadata: {name: mesh, namespace: istio-system}
spec:
  extensionProviders:
    - {name: circle, envoyExtAuthzGrpc: {service: mesh/localhost, port: 9191}}
    - {name: outside, envoyExtAuthzGrpc: {service: localhost, port: 9000}}
`);
  const settings = {
    trustDomain: 'cluster.local',
    strict: false,
    stripPathParameters: false,
    multipleCustomProviders: false,
    selfProviders: ['named'],
    ownAddresses: ['localhost:9191'],
  };
  expect(engineSettings(settings, mesh).selfProviders).toEqual(['named', 'circle']);
});
