import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { DenyAnswer } from '../../operations/check-request/index.ts';
import { sendAnswer, sendFault } from './answers.ts';

const denial = (headers: DenyAnswer['headers'], body = 'no'): DenyAnswer => ({
  kind: 'deny',
  status: 302,
  isUnauthenticated: true,
  isFault: false,
  headers,
  body,
});

/** What a proxy gets of what is written. */
async function received(write: (response: ServerResponse) => void) {
  const server = createServer((_, response) => write(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const [message] = (await once(get({ host: '127.0.0.1', port, agent: false }), 'response')) as [
    IncomingMessage,
  ];
  let body = '';
  for await (const part of message) body += String(part);
  server.close();
  return { status: message.statusCode, headers: message.headers, body };
}

describe('an answer over HTTP', () => {
  it('says the length of its own body, whatever a provider said of another', async () => {
    const headers = [
      { name: 'content-length', value: '9000' },
      { name: 'transfer-encoding', value: 'chunked' },
      { name: 'location', value: '/first' },
      { name: 'location', value: '/login' },
    ];
    const answer = await received((response) =>
      sendAnswer(response, 'forward-auth', denial(headers, 'grüße')),
    );
    expect(answer).toMatchObject({ status: 302, body: 'grüße' });
    expect(answer.headers).toMatchObject({
      'content-length': '7',
      location: '/login',
      'cache-control': 'no-store',
    });
    expect(answer.headers['transfer-encoding']).toBeUndefined();
  });

  it('sets every cookie that a provider sets', async () => {
    const headers = ['a=1', 'b=2'].map((value) => ({ name: 'set-cookie', value }));
    const answer = await received((response) => sendAnswer(response, 'forward-auth', denial(headers)));
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
  });

  it.each([
    ['forward-auth', 503],
    ['auth-request', 503],
    ['ext-authz-http', 403],
  ] as const)('that cannot be written is a fault, which %s reads as no', async (dialect, status) => {
    const broken = denial([{ name: 'location', value: 'a\nb' }]);
    const answer = await received((response) => {
      expect(() => sendAnswer(response, dialect, broken)).toThrow('Invalid character');
      sendFault(response, dialect);
    });
    expect([answer.status, answer.body]).toEqual([status, '']);
  });
});
