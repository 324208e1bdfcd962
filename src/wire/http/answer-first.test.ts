import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/fakes/clock.ts';
import { FakeLogger } from '../../../test/fakes/logger.ts';
import { FakeRandom } from '../../../test/fakes/random.ts';
import { answerFirst } from './answer-first.ts';
import { httpServer } from './server.ts';

async function serverThatAnswersFirst(whileClosing?: () => Promise<void>) {
  const server = await httpServer({
    logger: new FakeLogger(),
    clock: new FakeClock(),
    random: new FakeRandom(),
  });
  answerFirst(server, (message, response) => {
    if (message.url !== '/first') return false;
    response.end('first');
    return true;
  });
  if (whileClosing !== undefined) server.addHook('preClose', whileClosing);
  await server.listen({ host: '127.0.0.1', port: 0 });
  const { port } = server.server.address() as AddressInfo;
  return { server, port };
}

function ask(port: number, path: string, body = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, method: 'POST' }, (response) => {
      let text = '';
      response.on('data', (part: Buffer) => (text += part.toString()));
      response.on('end', () => resolve(`${response.statusCode} ${text}`));
    });
    call.on('error', reject);
    call.end(body);
  });
}

describe('what is answered before the framework', () => {
  it('is what was asked for; the rest is routed', async () => {
    const { server, port } = await serverThatAnswersFirst();
    expect(await ask(port, '/first')).toBe('200 first');
    expect(await ask(port, '/second')).toContain('ROUTE_NOT_FOUND');
    await server.close();
  });

  it('needs no body, and survives one that nobody reads', async () => {
    const { server, port } = await serverThatAnswersFirst();
    expect(await ask(port, '/first', 'x'.repeat(100_000))).toBe('200 first');
    expect(await ask(port, '/first')).toBe('200 first');
    await server.close();
  });

  it('is nothing any more once the server closes: the framework refuses', async () => {
    let answer = '';
    const { server, port } = await serverThatAnswersFirst(async () => {
      answer = await ask(port, '/first');
    });
    await server.close();
    expect(answer).toMatch(/^503 /);
  });
});
