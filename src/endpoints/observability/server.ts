import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { checkHealth, type HealthCheck, type HealthReport } from '../../operations/check-health.ts';
import { type HttpServerOptions, httpServer } from '../../wire/http/server.ts';
import { formatCrlPem } from '../../x509/index.ts';

/** What the telemetry adapter offers a scraper. */
export interface MetricsText {
  readonly contentType: string;
  scrape(): Promise<string>;
}

export interface ObservabilityParts {
  readonly http: HttpServerOptions;
  readonly metrics: MetricsText;
  /** All must be well for `/readyz`. */
  readonly readiness: readonly HealthCheck[];
  /** About this process alone, never about what it depends on. */
  readonly liveness: readonly HealthCheck[];
  readonly version: Readonly<Record<string, string>>;
  /** What each issuer takes back, DER; public by nature. Agents have none. */
  readonly revocationLists?: () => readonly { readonly issuerId: string; readonly der: Uint8Array }[];
}

/** 15014: metrics, probes and version, on a listener of their own (O14). It has no route that changes anything. */
export async function observabilityServer(parts: ObservabilityParts): Promise<FastifyInstance> {
  const server = await httpServer(parts.http);
  server.get('/metrics', async (_request, reply) =>
    reply.type(parts.metrics.contentType).send(await parts.metrics.scrape()),
  );
  server.get('/livez', probe('livez', parts.liveness));
  server.get('/readyz', probe('readyz', parts.readiness));
  server.get('/version', () => parts.version);
  server.get('/crl', async (_request, reply) => {
    const pem = (parts.revocationLists?.() ?? []).map(({ der }) => formatCrlPem(der));
    return reply.type('application/x-pem-file').send(pem.join(''));
  });
  server.get<{ Params: { name: string } }>('/crl/:name', async (request, reply) => {
    const wanted = request.params.name.replace(/\.crl$/, '');
    const found = (parts.revocationLists?.() ?? []).find(({ issuerId }) => issuerId === wanted);
    if (found === undefined) return reply.callNotFound();
    return reply.type('application/pkix-crl').send(Buffer.from(found.der));
  });
  return server;
}

function probe(name: string, checks: readonly HealthCheck[]) {
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const report = await checkHealth(checks);
    const status = report.ok ? 200 : 503;
    if ((request.headers.accept ?? '').includes('application/json'))
      return reply.status(status).send(toJson(report));
    const query = request.query as Readonly<Record<string, unknown>>;
    const isVerbose = query.verbose !== undefined && query.verbose !== '0' && query.verbose !== 'false';
    return reply
      .status(status)
      .type('text/plain; charset=utf-8')
      .send(report.ok && !isVerbose ? 'ok' : formatReport(name, report));
  };
}

/** As Kubernetes writes it: `[+]store ok`, `[-]signer failed: …`, and a last line. */
function formatReport(name: string, report: HealthReport): string {
  const lines = report.results.map(({ name, health }) =>
    health.ok ? `[+]${name} ok` : `[-]${name} failed: ${health.reason}`,
  );
  return `${lines.join('\n')}\n${name} check ${report.ok ? 'passed' : 'failed'}\n`;
}

function toJson(report: HealthReport) {
  return {
    ok: report.ok,
    checks: report.results.map(({ name, health }) => ({
      name,
      ok: health.ok,
      ...(health.ok ? {} : { reason: health.reason }),
    })),
  };
}
