import Fastify, { type FastifySchema, type HTTPMethods } from 'fastify';
import { lazyCompilers } from '../../wire/http/schema-compilers.ts';

export interface DescribedRoute {
  readonly method: HTTPMethods;
  readonly url: string;
  readonly schema: FastifySchema & {
    readonly summary: string;
    readonly tags: readonly string[];
    readonly operationId: string;
  };
}

/**
 * The OpenAPI document of these routes, from the schemas they are checked with. Its generator is read when somebody asks
 * for the document, and sees the routes on a server that listens nowhere.
 */
export async function openApiDocument(routes: readonly DescribedRoute[], version: string): Promise<object> {
  const { default: swagger } = await import('@fastify/swagger');
  const server = Fastify({ schemaController: { compilersFactory: lazyCompilers } });
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Castellan admin API', version },
      components: { securitySchemes: { operatorToken: { type: 'http', scheme: 'bearer' } } },
      security: [{ operatorToken: [] }],
    },
  });
  // Registered in a plugin, so that the generator sees them.
  await server.register(async (scope) => {
    for (const route of routes)
      scope.route({ ...route, schema: structuredClone(route.schema), handler: nothing });
  });
  await server.ready();
  const document = server.swagger();
  await server.close();
  return document;
}

const nothing = () => undefined;
