/** Resident memory of a server under a long load of certificates: what it needs, and whether that goes on growing. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer } from '../../test/support/cli-process.ts';
import { createCertificatePath } from '../../test/support/istio-client.ts';
import { against, type Bench, type Figure } from '../support/bench.ts';
import { csrOf, issued, makeCaller } from '../support/csr-load.ts';
import { h2load } from '../support/h2load.ts';
import { residentMegabytesOf } from '../support/process-figures.ts';

const total = Number(process.env['BENCH_ISSUANCES'] ?? 100_000);
const steps = 10;

export const bench: Bench = async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'castellan-bench-memory-'));
  const caller = makeCaller(scratch);
  const config = join(scratch, 'castellan.yaml');
  writeFileSync(config, `${caller.settings} }\n`, { mode: 0o600 });
  // As people start it: the launcher's flags are part of what is measured.
  // BENCH_AGENT=no leaves the agent out that `up` runs beside the server; BENCH_NODE_OPTIONS adds to the flags.
  const { BENCH_AGENT: agent, BENCH_NODE_OPTIONS: nodeOptions = '' } = process.env;
  const env = {
    CASTELLAN_AGENT_WITH_UP: String(agent !== 'no'),
    ...(nodeOptions === '' ? {} : { NODE_OPTIONS: nodeOptions }),
  };
  const server = await startServer({ cwd: scratch, env, args: ['--config', config] });
  const pid = server.process.pid as number;
  try {
    const csr = csrOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
    const idle = residentMegabytesOf(pid);
    const seen: number[] = [];
    for (let step = 0; step < steps; step++) {
      await h2load({
        address: server.endpoints.csr,
        path: createCertificatePath,
        message: csr.message,
        headers: { authorization: `Bearer ${caller.token}` },
        calls: total / steps,
        connections: 4,
        streams: 16,
      });
      seen.push(residentMegabytesOf(pid));
    }
    if ((await issued(server)) !== total) throw new Error('certificates went missing');
    const figures: Figure[] = [{ name: 'after the start', value: idle, unit: 'MB' }];
    for (const [step, value] of seen.entries())
      figures.push({ name: `after ${((step + 1) * total) / steps} certificates`, value, unit: 'MB' });
    const [half, end] = [seen[steps / 2 - 1], seen[steps - 1]];
    figures.push(
      against(half as number, { name: 'the end (floor: half-way)', value: end as number, unit: 'MB' }),
    );
    return figures;
  } finally {
    await server.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
};
