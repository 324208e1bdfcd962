import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/fakes/clock.ts';
import { FakeLogger } from '../../../test/fakes/logger.ts';
import { FakeRandom } from '../../../test/fakes/random.ts';
import { decodeProblem } from './decode-problem.ts';
import { httpServer } from './server.ts';

async function serverWithRoutes(limits = {}) {
  const logger = new FakeLogger();
  const server = await httpServer({ logger, clock: new FakeClock(), random: new FakeRandom(), limits });
  server.post(
    '/cups',
    {
      schema: {
        body: {
          type: 'object',
          additionalProperties: false,
          required: ['size'],
          properties: { size: { type: 'integer' } },
        },
      },
    },
    (request) => request.body,
  );
  server.get('/broken', () => {
    throw new Error('secret kettle');
  });
  return { server, logger };
}

const json = { 'content-type': 'application/json' };

describe('the HTTP server', () => {
  it('takes one JSON document that fits the schema', async () => {
    const { server } = await serverWithRoutes();
    const reply = await server.inject({ method: 'POST', url: '/cups', headers: json, payload: '{"size":2}' });
    expect([reply.statusCode, reply.json()]).toEqual([200, { size: 2 }]);
    expect(reply.headers['x-castellan-request-id']).toHaveLength(26);
  });

  it.each([
    'application/json\tx',
    'application/json garbage',
    'Application/Json ;',
    'application/jsonx',
    'text/plain',
    '',
  ])('refuses the content type %j before any parser sees the body (adv:O03)', async (type) => {
    const { server } = await serverWithRoutes();
    const reply = await server.inject({
      method: 'POST',
      url: '/cups',
      headers: { 'content-type': type },
      payload: '{"size":2}',
    });
    expect([reply.statusCode, reply.json().code]).toEqual([415, 'CONTENT_TYPE_UNSUPPORTED']);
  });

  it.each([
    ['{"size":"2"}', 'a string is not an integer'],
    ['{"size":2,"role":"admin"}', 'an unknown member is refused, not removed'],
    ['{"size":2,"__proto__":{"role":"admin"}}', 'a prototype cannot be set'],
    ['{"size":2', 'half a document'],
  ])('refuses the body %s: %s (adv:O09)', async (payload) => {
    const { server } = await serverWithRoutes();
    const reply = await server.inject({ method: 'POST', url: '/cups', headers: json, payload });
    expect([reply.statusCode, reply.json().code]).toEqual([400, 'BODY_MALFORMED']);
  });

  it('refuses a body over its limit with 413', async () => {
    const { server } = await serverWithRoutes({ bodyBytes: 8 });
    const reply = await server.inject({
      method: 'POST',
      url: '/cups',
      headers: json,
      payload: '{"size":2222}',
    });
    expect([reply.statusCode, reply.json().code]).toEqual([413, 'BODY_TOO_LARGE']);
  });

  it('answers a fault of ours without a stack or the text of the fault, and logs it (adv:O18)', async () => {
    const { server, logger } = await serverWithRoutes();
    const reply = await server.inject({ method: 'GET', url: '/broken' });
    expect(reply.statusCode).toBe(500);
    expect(reply.headers['content-type']).toContain('application/problem+json');
    expect(reply.body).not.toMatch(/kettle|at /);
    expect(JSON.stringify(logger.lines)).toContain('secret kettle');
  });

  it('says where nothing is', async () => {
    const { server } = await serverWithRoutes();
    const reply = await server.inject({ method: 'GET', url: '/nowhere' });
    expect([reply.statusCode, reply.json().code]).toEqual([404, 'ROUTE_NOT_FOUND']);
  });

  it('sends headers that keep a browser from doing anything with the answer', async () => {
    const { server } = await serverWithRoutes();
    const { headers } = await server.inject({ method: 'GET', url: '/nowhere' });
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['cache-control']).toBe('no-store');
  });

  it('leaves no timeout of fastify or Node at zero', async () => {
    const { server } = await serverWithRoutes();
    const { server: node } = server;
    expect(node.requestTimeout).toBeGreaterThan(0);
    expect(node.headersTimeout).toBeGreaterThan(0);
    expect(node.keepAliveTimeout).toBeGreaterThan(0);
    expect(node.timeout).toBeGreaterThan(0);
    expect(node.maxRequestsPerSocket).toBeGreaterThan(0);
  });

  it('limits the requests of one address by the minute, and says when to come back', async () => {
    const { server } = await serverWithRoutes({ requestsPerMinute: 2 });
    const replies = [];
    for (let i = 0; i < 3; i++)
      replies.push(
        await server.inject({ method: 'POST', url: '/cups', headers: json, payload: '{"size":2}' }),
      );
    expect(replies.map((reply) => reply.statusCode)).toEqual([200, 200, 429]);
    expect(Number(replies[2]?.headers['retry-after'])).toBeGreaterThan(0);
    expect(replies[2]?.json().code).toBe('TOO_MANY_REQUESTS');
  });
});

describe('a problem document', () => {
  it('is read back as the error it was', () => {
    const error = decodeProblem(
      429,
      { code: 'TEAPOT_BUSY', title: 'the teapot is busy', next: 'wait', requestId: 'R' },
      { retryAfter: '7' },
    );
    expect([error.code, error.kind, error.retryAfterSeconds, error.details]).toEqual([
      'TEAPOT_BUSY',
      'exhausted',
      7,
      { requestId: 'R' },
    ]);
  });

  it('of another server is known by its status', () => {
    expect([decodeProblem(502, 'oops').kind, decodeProblem(404, undefined).code]).toEqual([
      'internal',
      'HTTP_404',
    ]);
  });
});
