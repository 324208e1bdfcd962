import type { FastifyReply } from 'fastify';
import {
  type AllowAnswer,
  type Answer,
  type DenyAnswer,
  isOwnHeader,
} from '../../operations/check-request/index.ts';
import type { HttpDialect } from './dialects.ts';

/** For proxies that have no word of their own for removing a header. */
const removeHeader = 'x-castellan-remove';

/** How each dialect says yes and no (proxies.md §1.5): its proxy understands no other way. */
export function sendAnswer(reply: FastifyReply, dialect: HttpDialect['name'], answer: Answer): FastifyReply {
  return answer.kind === 'allow' ? sendAllow(reply, dialect, answer) : sendDeny(reply, dialect, answer);
}

function sendAllow(reply: FastifyReply, dialect: HttpDialect['name'], answer: AllowAnswer): FastifyReply {
  const { setHeaders, removeHeaders } = answer;
  for (const { name, value } of setHeaders) reply.header(name, value);
  const set = new Set(setHeaders.map(({ name }) => name));
  const toRemove = removeHeaders.filter((name) => !set.has(name));
  if (dialect === 'ext-authz-http') {
    if (toRemove.length > 0) reply.header('x-envoy-auth-headers-to-remove', toRemove.join(', '));
  } else {
    // These proxies copy what they find: a header that is ours and unknown must arrive empty, not as the client's.
    for (const name of toRemove) if (isOwnHeader(name)) reply.header(name, '');
    // What is the client's, such as a used token, their configuration takes away by this list.
    const others = toRemove.filter((name) => !isOwnHeader(name));
    if (others.length > 0) reply.header(removeHeader, others.join(', '));
  }
  return reply.status(200).send('');
}

function sendDeny(reply: FastifyReply, dialect: HttpDialect['name'], answer: DenyAnswer): FastifyReply {
  for (const { name, value } of answer.headers) reply.header(name, value);
  return reply.status(statusFor(dialect, answer)).send(answer.body);
}

function statusFor(dialect: HttpDialect['name'], { status, isFault, isUnauthenticated }: DenyAnswer): number {
  switch (dialect) {
    case 'ext-authz-http':
      // 200 would allow, and any 5xx would leave it to the proxy's failure mode.
      return isFault || status < 300 || status >= 500 ? 403 : status;
    case 'forward-auth':
      return status < 300 ? 403 : status;
    case 'auth-request':
      // nginx knows 401 and 403; anything else is an error to it.
      return isFault ? 503 : isUnauthenticated ? 401 : 403;
  }
}
