/** One thing that must be well for the server to be ready. */
export interface HealthCheck {
  readonly name: string;
  readonly check: () => Health | Promise<Health>;
}

/** `reason` is safe to show to whoever may read the probe. */
export type Health = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export interface HealthResult {
  readonly name: string;
  readonly health: Health;
}

export interface HealthReport {
  readonly ok: boolean;
  readonly results: readonly HealthResult[];
}

/** Asks every check; one that throws is not well. */
export async function checkHealth(checks: readonly HealthCheck[]): Promise<HealthReport> {
  const results = await Promise.all(checks.map(async (one) => ({ name: one.name, health: await ask(one) })));
  return { ok: results.every(({ health }) => health.ok), results };
}

async function ask({ check }: HealthCheck): Promise<Health> {
  try {
    return await check();
  } catch {
    return { ok: false, reason: 'the check itself failed; see the log' };
  }
}
