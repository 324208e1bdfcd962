import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import {
  answerOf,
  type CheckOutcome,
  type CheckQuestion,
  type CheckRequest,
} from '../../operations/check-request/index.ts';
import { wireErrors } from '../../wire/errors.ts';
import { answerFirst } from '../../wire/http/answer-first.ts';
import { type HttpServerOptions, httpServer } from '../../wire/http/server.ts';
import { sendAnswer, sendFault } from './answers.ts';
import {
  type Evaluation,
  type Evaluations,
  evaluationAnswer,
  mostEvaluations,
  readEvaluation,
} from './authzen.ts';
import { dialectOf, type HttpDialect } from './dialects.ts';
import { askerOf, type Heard, Unreadable, unreadableHttp } from './forwarded.ts';

export interface HttpCheckParts {
  readonly http: HttpServerOptions;
  readonly checks: Pick<CheckRequest, 'check'>;
  /** The listener's name, under which local proxies are bound (D20). */
  readonly listener: string;
}

const limits = {
  bodyBytes: 512 * 1024,
  headerBytes: 64 * 1024,
  requestsPerConnection: 0,
  maxConnections: 4_096,
  // A check has a limit of its own.
  handlerTimeoutMs: 0,
} as const;

/** The HTTP doors for proxies: three dialects that do not guess, and AuthZEN. */
export async function httpCheckServer(parts: HttpCheckParts): Promise<FastifyInstance> {
  const server = await httpServer({
    ...parts.http,
    limits: { ...limits, ...parts.http.limits },
    asksAreOfProxies: true,
  });
  answerFirst(server, (message, response) => {
    const dialect = dialectOf(message);
    if (dialect === undefined) return false;
    answer(dialect, { message, response }, parts);
    return true;
  });
  server.post<{ Body: Evaluation }>('/access/v1/evaluation', async (request) =>
    evaluationAnswer(await evaluateOne(request, request.body, parts)),
  );
  server.post<{ Body: Evaluations }>('/access/v1/evaluations', (request) => evaluateMany(request, parts));
  server.get('/.well-known/authzen-configuration', (request) => metadata(request));
  return server;
}

interface Exchange {
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
}

/** A body that comes along is no part of the question, and is not read. */
function answer(dialect: HttpDialect, exchange: Exchange, { checks, listener }: HttpCheckParts): void {
  const { message, response } = exchange;
  const send = (outcome: CheckOutcome) => {
    try {
      sendAnswer(response, dialect.name, answerOf(outcome));
    } catch {
      sendFault(response, dialect.name);
    }
  };
  const outcome = checks.check(questionOf(dialect, message, listener));
  if (outcome instanceof Promise) void outcome.then(send);
  else send(outcome);
}

function questionOf(dialect: HttpDialect, message: IncomingMessage, listener: string): CheckQuestion {
  const { source, destination, isTls, http, malformed } = heard(() => dialect.read(message));
  const asker = askerOf(message, listener);
  return { dialect: dialect.name, asker, keepsPath: true, source, destination, isTls, http, malformed };
}

function heard(read: () => Heard): Heard {
  try {
    return read();
  } catch (error) {
    const malformed = error instanceof Unreadable ? error.message : 'the question cannot be read';
    return { source: {}, destination: {}, http: unreadableHttp, malformed };
  }
}

async function evaluateOne(
  { raw }: FastifyRequest,
  evaluation: Evaluation,
  { checks, listener }: HttpCheckParts,
): Promise<CheckOutcome> {
  const asker = askerOf(raw, listener);
  return await checks.check({ dialect: 'authzen', asker, ...heard(() => readEvaluation(evaluation ?? {})) });
}

/** The members of the whole are defaults; with a semantic that stops early, what was not asked is not answered. */
async function evaluateMany(request: FastifyRequest<{ Body: Evaluations }>, parts: HttpCheckParts) {
  const { evaluations = [], options, ...defaults } = request.body ?? {};
  if (evaluations.length === 0) return evaluationAnswer(await evaluateOne(request, defaults, parts));
  if (evaluations.length > mostEvaluations)
    throw wireErrors.BODY_MALFORMED({ message: `more than ${mostEvaluations} evaluations in one request` });
  const semantic = options?.evaluations_semantic ?? 'execute_all';
  const answers = [];
  for (const one of evaluations) {
    const answer = evaluationAnswer(await evaluateOne(request, { ...defaults, ...one }, parts));
    answers.push(answer);
    if (semantic === 'deny_on_first_deny' && !answer.decision) break;
    if (semantic === 'permit_on_first_permit' && answer.decision) break;
  }
  return { evaluations: answers };
}

function metadata({ headers, protocol }: FastifyRequest) {
  const base = `${protocol}://${headers.host ?? ''}`;
  return {
    policy_decision_point: base,
    access_evaluation_endpoint: `${base}/access/v1/evaluation`,
    access_evaluations_endpoint: `${base}/access/v1/evaluations`,
  };
}
