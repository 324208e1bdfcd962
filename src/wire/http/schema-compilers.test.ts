import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { lazyCompilers } from './schema-compilers.ts';

const closed = { type: 'object', additionalProperties: false } as const;

function server() {
  const app = Fastify({
    schemaController: { compilersFactory: lazyCompilers },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false } },
  });
  app.post('/sum', {
    schema: {
      body: { ...closed, properties: { a: { type: 'integer' } }, required: ['a'] },
      response: { 200: { ...closed, properties: { a: { type: 'integer' } } } },
    },
    handler: ({ body }) => ({ ...(body as object), secret: 'not in the schema' }),
  });
  return app;
}

describe('a schema that is compiled when its route is called', () => {
  it('refuses what does not fit and says where, the first time and later', async () => {
    const app = server();
    for (const payload of [{ a: 'x' }, { a: 1, b: 2 }, {}, { a: 'x' }]) {
      const answer = await app.inject({ method: 'POST', url: '/sum', payload });
      expect([answer.statusCode, answer.json().code]).toEqual([400, 'FST_ERR_VALIDATION']);
    }
    const answer = await app.inject({ method: 'POST', url: '/sum', payload: { a: 'x' } });
    expect(answer.json().message).toBe('body/a must be integer');
  });

  it('answers with what its schema names and nothing else', async () => {
    const app = server();
    for (const a of [1, 2])
      expect((await app.inject({ method: 'POST', url: '/sum', payload: { a } })).json()).toEqual({ a });
  });
});
