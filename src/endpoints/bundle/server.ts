import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ServedBundle } from '../../operations/federation/index.ts';
import { type HttpServerOptions, httpServer } from '../../wire/http/server.ts';

export interface BundleServerParts {
  readonly http: HttpServerOptions;
  /** The newest bundle; undefined when the token is nobody's. */
  readonly serve: (token?: string) => ServedBundle | undefined;
}

const others = ['POST', 'PUT', 'PATCH', 'DELETE'] as const;

/**
 * The SPIFFE bundle endpoint: `/` for anybody, `/readers/<token>` for a reader that rotations wait for. Nobody proves who
 * they are by TLS or HTTP (F-05): the URL is all that a reader is configured with.
 */
export async function bundleServer({ http, serve }: BundleServerParts): Promise<FastifyInstance> {
  const server = await httpServer(http);
  const send = (request: FastifyRequest, reply: FastifyReply, token?: string) => {
    const served = serve(token);
    if (served === undefined) return reply.callNotFound();
    // HEAD gives nobody a bundle.
    if (request.method === 'GET')
      reply.raw.once('finish', () => {
        served.given();
      });
    return reply.type('application/json').send(served.text);
  };
  server.get('/', (request, reply) => send(request, reply));
  server.get<{ Params: { token: string } }>('/readers/:token', (request, reply) =>
    send(request, reply, request.params.token),
  );
  for (const url of ['/', '/readers/:token'])
    server.route({
      method: [...others],
      url,
      handler: async (_request, reply) => reply.status(405).header('allow', 'GET, HEAD').send(''),
    });
  return server;
}
