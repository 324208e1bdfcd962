import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { Clock } from '../../base/clock.ts';
import { baseErrors, type CastellanError, isCastellanError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { type Random, ulid } from '../../base/random.ts';
import { wireErrors } from '../errors.ts';
import { tlsCiphers } from '../tls/ciphers.ts';
import { LeanMessage } from './lean-message.ts';
import { encodeProblem, problemContentType } from './problem.ts';
import { lazyCompilers } from './schema-compilers.ts';

export interface HttpLimits {
  readonly bodyBytes: number;
  readonly headerBytes: number;
  /** From the first byte of a request to its last (N01). */
  readonly requestTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly handlerTimeoutMs: number;
  readonly requestsPerConnection: number;
  readonly maxConnections: number;
  /** Requests a minute from one address; 0 leaves it to the routes. */
  readonly requestsPerMinute: number;
}

export const defaultHttpLimits: HttpLimits = Object.freeze({
  bodyBytes: 1024 * 1024,
  headerBytes: 16 * 1024,
  requestTimeoutMs: 10_000,
  idleTimeoutMs: 60_000,
  handlerTimeoutMs: 30_000,
  requestsPerConnection: 1_000,
  maxConnections: 512,
  requestsPerMinute: 0,
});

export interface HttpServerOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: Partial<HttpLimits>;
  /** TLS with these; without, plain HTTP (loopback or a Unix socket: the caller sees to it). */
  readonly credentials?: { readonly chainPem: string; readonly privateKeyPem: string };
  /** Bodies other than JSON that a route takes, e.g. `application/yaml`; their parsers are the route's to add. */
  readonly contentTypes?: readonly string[];
  /** Those who ask are proxies: they copy headers into the answers of others, so there are none that speak to browsers. */
  readonly asksAreOfProxies?: boolean;
}

export const requestIdHeader = 'x-castellan-request-id';

/** The one way an HTTP server is built here: every timeout and limit set, errors as problem+json, no stack ever. */
export async function httpServer(options: HttpServerOptions): Promise<FastifyInstance> {
  const limits = { ...defaultHttpLimits, ...options.limits };
  const server = Fastify({
    ...fastifyOptions(limits, options.asksAreOfProxies === true),
    genReqId: () => ulid(options.clock.now(), options.random),
    ...tlsOptions(options),
  }) as unknown as FastifyInstance;
  server.server.maxConnections = limits.maxConnections;
  server.server.headersTimeout = limits.requestTimeoutMs;
  if (options.asksAreOfProxies !== true) await addBrowserHeaders(server, options.credentials !== undefined);
  if (limits.requestsPerMinute > 0)
    await server.register(rateLimit, {
      max: limits.requestsPerMinute,
      timeWindow: 60_000,
      cache: 10_000,
      errorResponseBuilder: (_request, context) =>
        wireErrors.TOO_MANY_REQUESTS({ retryAfterSeconds: Math.ceil(context.ttl / 1000) }),
    });
  server.addHook('onRequest', (request, reply, done) => {
    reply.header(requestIdHeader, request.id).header('cache-control', 'no-store');
    done(contentTypeProblem(request, options.contentTypes ?? []));
  });
  server.setErrorHandler((error: FastifyError, request, reply) =>
    sendProblem(error, { request, reply, options }),
  );
  server.setNotFoundHandler((request, reply) =>
    sendProblem(wireErrors.ROUTE_NOT_FOUND(), { request, reply, options }),
  );
  return server;
}

/** New handshakes use these; open connections keep theirs (N15). */
export function setCredentials(server: FastifyInstance, chainPem: string, privateKeyPem: string): void {
  const tls = server.server as unknown as { setSecureContext(options: object): void };
  tls.setSecureContext({ cert: chainPem, key: privateKeyPem, ciphers: tlsCiphers, minVersion: 'TLSv1.2' });
}

async function addBrowserHeaders(server: FastifyInstance, isTls: boolean): Promise<void> {
  await server.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
      },
    },
    hsts: isTls,
    referrerPolicy: { policy: 'no-referrer' },
  });
}

function fastifyOptions(limits: HttpLimits, isLean: boolean) {
  return {
    logger: false,
    trustProxy: false,
    bodyLimit: limits.bodyBytes,
    connectionTimeout: limits.idleTimeoutMs,
    keepAliveTimeout: limits.idleTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    handlerTimeout: limits.handlerTimeoutMs,
    maxRequestsPerSocket: limits.requestsPerConnection,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    http: { maxHeaderSize: limits.headerBytes, ...checkingOften(limits), ...(isLean ? lean : {}) },
    routerOptions: { caseSensitive: true, ignoreTrailingSlash: false, maxParamLength: 2048 },
    schemaController: { compilersFactory: lazyCompilers },
    // O09: what a schema does not name is refused, not silently removed.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: false } },
  } as const;
}

/** For calls that are answered before the framework: no stream for a body that does not come, and few headers. */
const lean = { optimizeEmptyRequests: true, IncomingMessage: LeanMessage } as const;

/** Node looks for requests past their timeout only so often, by itself every half minute (N01). */
function checkingOften({ requestTimeoutMs }: Pick<HttpLimits, 'requestTimeoutMs'>) {
  return { connectionsCheckingInterval: Math.min(1_000, requestTimeoutMs) } as const;
}

function tlsOptions(options: HttpServerOptions) {
  if (options.credentials === undefined) return {};
  return {
    https: {
      cert: options.credentials.chainPem,
      key: options.credentials.privateKeyPem,
      minVersion: 'TLSv1.2',
      ciphers: tlsCiphers,
      handshakeTimeout: 5_000,
      maxHeaderSize: options.limits?.headerBytes ?? defaultHttpLimits.headerBytes,
      ...checkingOften({ ...defaultHttpLimits, ...options.limits }),
      ...(options.asksAreOfProxies === true ? lean : {}),
    },
  } as const;
}

/** O03: a content type that is not exactly one we parse is refused before any parser sees it. */
function contentTypeProblem(request: FastifyRequest, extra: readonly string[]): CastellanError | undefined {
  const { headers } = request;
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
  if (!hasBody) return undefined;
  const given = headers['content-type'] ?? '';
  const isKnown = ['application/json', ...extra].some(
    (type) => given === type || given === `${type}; charset=utf-8` || given === `${type};charset=utf-8`,
  );
  return isKnown ? undefined : wireErrors.CONTENT_TYPE_UNSUPPORTED();
}

interface Failed {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly options: HttpServerOptions;
}

function sendProblem(error: unknown, failed: Failed): FastifyReply {
  const { request, reply, options } = failed;
  const ours = translate(error);
  if (ours.kind === 'internal')
    options.logger.error('request failed', { requestId: request.id, error: describe(ours.cause ?? ours) });
  const problem = encodeProblem(ours, request.id);
  if (ours.retryAfterSeconds !== undefined) reply.header('retry-after', Math.ceil(ours.retryAfterSeconds));
  return reply.status(problem.status).type(problemContentType).send(JSON.stringify(problem));
}

/** Fastify's own errors say too much or too little; each becomes one of ours. */
function translate(error: unknown): CastellanError {
  if (isCastellanError(error)) return error;
  const { code, statusCode, message, validation } = error as Partial<FastifyError>;
  if (validation !== undefined)
    return wireErrors.BODY_MALFORMED({ message: `the request does not fit the schema: ${message ?? ''}` });
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return wireErrors.BODY_TOO_LARGE();
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return wireErrors.CONTENT_TYPE_UNSUPPORTED();
  if (statusCode === 503) return wireErrors.SERVER_DRAINING({ retryAfterSeconds: 1 });
  if (statusCode === 404) return wireErrors.ROUTE_NOT_FOUND();
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return wireErrors.BODY_MALFORMED({ cause: error });
  return baseErrors.INTERNAL({ cause: error });
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
