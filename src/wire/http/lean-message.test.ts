import { type AddressInfo, connect } from 'node:net';
import { expect, it } from 'vitest';
import { FakeClock } from '../../../test/fakes/clock.ts';
import { FakeLogger } from '../../../test/fakes/logger.ts';
import { FakeRandom } from '../../../test/fakes/random.ts';
import { answerFirst } from './answer-first.ts';
import { httpServer } from './server.ts';

async function leanServer() {
  const server = await httpServer({
    logger: new FakeLogger(),
    clock: new FakeClock(),
    random: new FakeRandom(),
    asksAreOfProxies: true,
  });
  answerFirst(server, (message, response) => {
    if (message.url !== '/first') return false;
    response.end(
      `few: ${Object.keys(message.headers).sort().join(' ')}; raw: ${message.rawHeaders.length / 2}`,
    );
    return true;
  });
  server.post('/framework', async ({ headers, body }) => ({ headers, body }));
  await server.listen({ host: '127.0.0.1', port: 0 });
  return server;
}

/** Sends the lines as they are and resolves with all that comes until the end. */
function say(server: Awaited<ReturnType<typeof leanServer>>, lines: readonly string[]): Promise<string> {
  const { port } = server.server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(lines.join('\r\n')));
    let text = '';
    socket.on('data', (part: Buffer) => (text += part.toString()));
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
  });
}

const close = 'Connection: close';

it('who answers first reads the lines as they came', async () => {
  const server = await leanServer();
  const answer = await say(server, ['GET /first HTTP/1.1', 'HOST: a', 'X-Other: b', close, '', '']);
  expect(answer).toContain('few: host; raw: 3');
  await server.close();
});

it('the framework has all headers, and the body', async () => {
  const server = await leanServer();
  const head = ['POST /framework HTTP/1.1', 'Host: a', 'X-Other: b', close, 'Content-Type: application/json'];
  const answer = await say(server, [...head, 'Content-Length: 9', '', '{"a": 12}']);
  const { headers, body } = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')));
  expect(headers).toMatchObject({ host: 'a', 'x-other': 'b', 'content-length': '9' });
  expect(body).toEqual({ a: 12 });
  await server.close();
});

it('a body in chunks that nobody reads does not become the next request', async () => {
  const server = await leanServer();
  const chunks = ['3', 'abc', '0', '', ''];
  const first = ['POST /first HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked', '', ...chunks];
  const answer = await say(server, [`${first.join('\r\n')}GET /first HTTP/1.1`, 'Host: a', close, '', '']);
  expect(answer.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
  await server.close();
});

it.each([
  ['without a host', ['GET /first HTTP/1.1', close], 'HTTP/1.1 400'],
  [
    'that waits to be told to go on',
    ['POST /first HTTP/1.1', 'Host: a', 'EXPECT: 100-continue', close],
    '100 Continue',
  ],
  ['that expects something else', ['GET /first HTTP/1.1', 'Host: a', 'Expect: more', close], 'HTTP/1.1 417'],
])('a request %s gets the answer that Node gives', async (_what, head, status) => {
  const server = await leanServer();
  expect(await say(server, [...head, '', ''])).toContain(status);
  await server.close();
});
