import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Operator } from '../../operations/operator.ts';
import { type HttpServerOptions, httpServer } from '../../wire/http/server.ts';
import { type DescribedRoute, openApiDocument } from './openapi.ts';
import { demandRole, type OperatorAccess, operatorGate } from './operators.ts';
import type { AdminParts } from './parts.ts';
import type { AdminRoute } from './route.ts';
import { agentRoutes } from './routes/agents.ts';
import { auditRoutes } from './routes/audit.ts';
import { certificateRoutes } from './routes/certificates.ts';
import { decisionRoutes } from './routes/decisions.ts';
import { enforcementRoutes } from './routes/enforcement.ts';
import { identityRoutes } from './routes/identities.ts';
import { operationRoutes } from './routes/operation.ts';
import { resourceRoutes } from './routes/resources.ts';
import { revocationRoutes } from './routes/revocations.ts';
import { rotationRoutes } from './routes/rotation.ts';
import { simulationRoutes } from './routes/simulations.ts';
import { tokenRoutes } from './routes/tokens.ts';
import { trafficRoutes } from './routes/traffic.ts';
import { trustRoutes } from './routes/trust.ts';

export const adminPrefix = '/api/v1';

export function adminRoutes(parts: AdminParts): readonly AdminRoute[] {
  return [
    ...identityRoutes(parts),
    ...trustRoutes(parts),
    ...rotationRoutes(parts),
    ...certificateRoutes(parts),
    ...revocationRoutes(parts),
    ...tokenRoutes(parts),
    ...agentRoutes(parts),
    ...resourceRoutes(parts),
    ...enforcementRoutes(parts),
    ...decisionRoutes(parts),
    ...trafficRoutes(parts),
    ...simulationRoutes(parts),
    ...auditRoutes(parts),
    ...operationRoutes(parts),
  ];
}

export interface AdminServerOptions {
  readonly http: HttpServerOptions;
  readonly access: OperatorAccess;
  readonly parts: AdminParts;
}

const problem = {
  type: 'object',
  description: 'RFC 9457: what went wrong, its code, and what to do next.',
  additionalProperties: true,
};

/** The admin door, for one listener. Whoever is let in at all is known before a route, its body or a 404 is looked at. */
export async function adminServer({ http, access, parts }: AdminServerOptions): Promise<FastifyInstance> {
  const server = await httpServer(http);
  const authenticate = operatorGate(access);
  const operators = new WeakMap<FastifyRequest, Operator>();
  server.addHook('onRequest', (request, _reply, done) => {
    operators.set(request, authenticate(request));
    done();
  });
  const routes = adminRoutes(parts);
  for (const route of routes) addRoute(server, route, operators);
  let document: Promise<object> | undefined;
  server.get(
    `${adminPrefix}/openapi.json`,
    () => (document ??= openApiDocument(routes.map(described), parts.version.version ?? '0')),
  );
  return server;
}

function addRoute(
  scope: FastifyInstance,
  route: AdminRoute,
  operators: WeakMap<FastifyRequest, Operator>,
): void {
  scope.route({
    ...described(route),
    onRequest: (request, _reply, done) => {
      demandRole(operators.get(request) as Operator, route.role);
      done();
    },
    handler: (request, reply) =>
      route.handle({
        operator: operators.get(request) as Operator,
        params: request.params as never,
        query: request.query as never,
        body: request.body as never,
        headers: request.headers,
        reply,
      }),
  });
}

/** What is checked and what is published about a route are one. */
function described(route: AdminRoute): DescribedRoute {
  const { answer, ...accepted } = route.schema;
  return {
    method: route.method,
    url: `${adminPrefix}${route.url}`,
    schema: {
      ...accepted,
      querystring: accepted.querystring ?? { type: 'object', additionalProperties: false, properties: {} },
      summary: route.summary,
      tags: [route.tag],
      operationId: operationId(route),
      response: { 200: answer, '4xx': problem, '5xx': problem, ...(isApply(route) ? { 422: answer } : {}) },
    },
  };
}

const isApply = ({ method, url }: AdminRoute) => url.startsWith('/resources') && /POST|PUT/.test(method);

function operationId({ method, url }: AdminRoute): string {
  const words = url
    .split('/')
    .filter((part) => part !== '')
    .map((part) => part.replace(/^:/, 'by-'));
  return [method.toLowerCase(), ...words].join('-');
}
