import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Operator, OperatorRole } from '../../operations/operator.ts';

export interface RouteSchema {
  readonly params?: object;
  readonly querystring?: object;
  readonly headers?: object;
  readonly body?: object;
  /** The 200 answer. */
  readonly answer: object;
}

export interface AdminCall<Params, Query, Body> {
  readonly operator: Operator;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly headers: FastifyRequest['headers'];
  readonly reply: FastifyReply;
}

/** One route, whole: path, who may call it, shapes, and the one verb it calls. */
export interface AdminRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Under `/api/v1`. */
  readonly url: string;
  readonly role: OperatorRole;
  readonly summary: string;
  readonly tag: string;
  readonly schema: RouteSchema;
  readonly handle: (call: AdminCall<never, never, never>) => unknown;
}

/** Ties the handler's types to what its schema promises; the schema is what makes them true. */
export function route<Params = unknown, Query = unknown, Body = unknown>(
  definition: Omit<AdminRoute, 'handle'> & {
    readonly handle: (call: AdminCall<Params, Query, Body>) => unknown;
  },
): AdminRoute {
  return definition as AdminRoute;
}
