import { FakeTokenIssuer } from '../../fakes/token-issuer.ts';
import { applyText } from '../apply.ts';
import { type Castellan, castellan } from '../castellan.ts';
import { cartEntry } from '../check-harness.ts';
import { policyYaml, requestAuthYaml } from '../policy.ts';

export const issuer = new FakeTokenIssuer();

/** Everybody reads `/open`, holders of a token read `/mine`, nobody reads `/admin`; `/open/soon` is to be closed. */
export const shopPolicies =
  cartEntry +
  requestAuthYaml('tokens', `{jwtRules: [{issuer: "${issuer.issuer}", jwks: '${issuer.jwks()}'}]}`) +
  policyYaml(
    'open',
    `{rules: [{to: [{operation: {paths: ["/open*"]}}]}, {from: [{source: {requestPrincipals: ["*"]}}], to: [{operation: {paths: ["/mine"]}}]}]}`,
  ) +
  policyYaml('closed', '{action: DENY, rules: [{to: [{operation: {paths: ["/admin*"]}}]}]}') +
  policyYaml('soon', '{action: DENY, rules: [{to: [{operation: {paths: ["/open/soon"]}}]}]}', {
    dryRun: true,
  });

/** A whole server with these policies in force. */
export async function shopServer(policies = shopPolicies): Promise<Castellan> {
  const running = await castellan();
  await applyText(running, policies);
  return running;
}

export function tokenFor(subject: string, lifetimeSeconds = 600): string {
  const now = Math.floor(Date.now() / 1000);
  return issuer.token({ sub: subject, iat: now - 1_000, exp: now + lifetimeSeconds });
}

export function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}
