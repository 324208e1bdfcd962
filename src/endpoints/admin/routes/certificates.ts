import { explainRequest } from '../../../operations/explain-request.ts';
import type { AdminParts } from '../parts.ts';
import { type AdminRoute, route } from '../route.ts';
import * as s from '../schemas.ts';
import { auditEntry, auditJson } from './audit.ts';

interface IssueBody {
  csrPem: string;
  spiffeId: string;
  ttlSeconds?: number;
}

function issueRoute({ issue }: AdminParts): AdminRoute {
  return route<unknown, unknown, IssueBody>({
    method: 'POST',
    url: '/certificates',
    role: 'admin',
    tag: 'certificates',
    summary:
      'Issues a certificate for the key of a CSR and the identity named here. No private key is ever sent.',
    schema: {
      body: s.closed(
        {
          csrPem: s.text('The CSR, PEM. Only its public key counts.', { maxLength: 65_536 }),
          spiffeId: s.spiffeIdText,
          ttlSeconds: s.whole('How long it lives; the default of the authority when absent.', {
            minimum: 1,
          }),
        },
        ['ttlSeconds'],
      ),
      answer: s.one('Certificate', {
        serial: s.text('Hexadecimal.'),
        spiffeId: s.spiffeIdText,
        notBefore: s.instant('When it begins.'),
        notAfter: s.instant('When it ends.'),
        shortened: s.flag('Cut to the end of its issuer.'),
        chainPem: s.list({ type: 'string' }, 'Leaf, what is between, and all roots as the last element.'),
        requestId: s.text('For castellan explain.'),
      }),
    },
    handle: async ({ operator, body }) => {
      const issued = await issue(operator, body);
      return {
        apiVersion: s.apiVersion,
        kind: 'Certificate',
        ...issued,
        notBefore: s.iso(issued.notBefore),
        notAfter: s.iso(issued.notAfter),
        requestId: operator.requestId,
      };
    },
  });
}

function explainRoute({ store }: AdminParts): AdminRoute {
  return route<{ requestId: string }>({
    method: 'GET',
    url: '/requests/:requestId',
    role: 'viewer',
    tag: 'requests',
    summary: 'What became of one request, and why: the answer that its caller was not given.',
    schema: {
      params: s.closed({ requestId: s.text('A request id.', { pattern: '^[0-9A-Za-z_-]{4,64}$' }) }),
      answer: s.one(
        'RequestExplanation',
        {
          requestId: s.text('The request.'),
          outcome: s.text('How it ended.', { enum: ['issued', 'refused', 'changed'] }),
          refusal: s.closed({
            at: s.instant('When.'),
            code: s.text('What the caller was told.'),
            detail: s.text('Why, in full.'),
            evidence: {
              type: 'object',
              additionalProperties: true,
              description: 'What the caller showed.',
            },
          }),
          audit: s.list(auditEntry, 'What it changed.'),
        },
        ['refusal'],
      ),
    },
    handle: async ({ params }) => {
      const { refusal, audit, ...rest } = await explainRequest(store, params.requestId);
      return {
        apiVersion: s.apiVersion,
        kind: 'RequestExplanation',
        ...rest,
        ...(refusal === undefined ? {} : { refusal: { ...refusal, at: s.iso(refusal.at) } }),
        audit: audit.map(auditJson),
      };
    },
  });
}

export function certificateRoutes(parts: AdminParts): readonly AdminRoute[] {
  return [issueRoute(parts), explainRoute(parts)];
}
