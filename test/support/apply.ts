import { expect } from 'vitest';
import { applyResources } from '../../src/operations/apply-resource.ts';
import type { Operator } from '../../src/operations/operator.ts';
import type { Castellan } from './castellan.ts';

export const testOperator: Operator = { name: 'test', method: 'local', role: 'admin', requestId: 'R' };

/** Applies resources and waits until they decide. */
export async function applyText({ server }: Castellan, text: string): Promise<void> {
  const outcome = await applyResources(server.state.store.resources, testOperator, {
    text,
    file: 'test.yaml',
    defaultNamespace: 'shop',
    dryRun: false,
  });
  expect(outcome.refused, JSON.stringify(outcome.findings)).toBe(false);
  expect(await server.checks.feed.waitFor(outcome.revision, AbortSignal.timeout(20_000))).toBe(true);
}
