import { applyText } from './apply.ts';
import { castellan } from './castellan.ts';
import { cartEntry } from './check-harness.ts';
import { policyYaml } from './policy.ts';

export type ProviderSort = 'envoyExtAuthzGrpc' | 'envoyExtAuthzHttp';

/** Providers of tests are on loopback, which nobody reaches unasked. */
export const loopbackListed = 'outbound: {allow: [127.0.0.1]}\n';

/** Requests to `/items…` of the cart are for the provider `outside` to decide. */
export const askOutside = policyYaml(
  'ask',
  '{action: CUSTOM, provider: {name: outside}, rules: [{to: [{operation: {paths: ["/items*"]}}]}]}',
);

/** MeshConfig with one provider, `outside`. */
export function mesh(fields: string, sort: ProviderSort): string {
  return `apiVersion: castellan.dev/v1alpha1
kind: MeshConfig
metadata: {name: mesh, namespace: istio-system}
spec: {extensionProviders: [{name: outside, ${sort}: {${fields}}}]}
---
`;
}

export async function withProvider(fields: string, sort: ProviderSort, settings = loopbackListed) {
  const running = await castellan({ settings });
  await applyText(running, cartEntry + askOutside + mesh(fields, sort));
  return running;
}
