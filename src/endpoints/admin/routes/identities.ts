import { parseDuration } from '../../../base/duration.ts';
import { getIdentity, type IssuedIdentity, listIdentities } from '../../../operations/list-identities.ts';
import { formatCertificatePem } from '../../../x509/index.ts';
import type { AdminParts } from '../parts.ts';
import { type AdminRoute, route } from '../route.ts';
import * as s from '../schemas.ts';

const identity = {
  spiffeId: s.spiffeIdText,
  serial: s.text('Hexadecimal.'),
  state: s.text('Whether it counts now.', { enum: ['valid', 'not-yet-valid', 'expired', 'revoked'] }),
  revokedReason: s.text('Why it was revoked.'),
  notBefore: s.instant('When it begins.'),
  notAfter: s.instant('When it ends.'),
  issuedAt: s.instant('When it was issued.'),
  caller: s.text('Who asked for it.'),
  callerMethod: s.text('How the caller was authenticated.'),
  peerAddress: s.text('Where the request came from.'),
  issuerKeyId: s.text('The subject key id of its issuer, hexadecimal.'),
  csrSha256: s.text('SHA-256 of the request, hexadecimal.'),
  requestId: s.text('For castellan explain.'),
  shortened: s.flag('Cut to the end of its issuer.'),
  recovered: s.flag('Issued after the backup that was restored, put on record at its first use.'),
};
const optional = ['revokedReason'];

function toJson({ record, state, revokedReason }: IssuedIdentity) {
  return {
    spiffeId: record.spiffeId,
    serial: record.serial,
    state,
    ...(revokedReason === undefined ? {} : { revokedReason }),
    notBefore: s.iso(record.notBefore),
    notAfter: s.iso(record.notAfter),
    issuedAt: s.iso(record.issuedAt),
    caller: record.callerSubject,
    callerMethod: record.callerMethod,
    peerAddress: record.peerAddress,
    issuerKeyId: record.issuerKeyId,
    csrSha256: record.csrSha256,
    requestId: record.requestId,
    shortened: record.shortened,
    recovered: record.state === 'recovered',
  };
}

interface ListQuery {
  spiffeId?: string;
  expiringWithin?: string;
  includeExpired?: 'true' | 'false';
  limit?: string;
  cursor?: string;
}

const depsOf = (parts: AdminParts) => ({
  ...parts,
  issuances: parts.store.issuances,
  revocations: parts.store.revocations,
});

function listRoute(parts: AdminParts): AdminRoute {
  const deps = depsOf(parts);
  return route<unknown, ListQuery>({
    method: 'GET',
    url: '/identities',
    role: 'viewer',
    tag: 'identities',
    summary: 'Certificates that were issued, newest first; with `expiringWithin`, soonest to end first.',
    schema: {
      querystring: s.open({
        spiffeId: s.spiffeIdText,
        expiringWithin: s.text('Only those that end within this time, such as 24h.', { maxLength: 32 }),
        includeExpired: s.flagText,
        limit: s.limitNumber,
        cursor: s.cursorText,
      }),
      answer: s.listOf('Identity', s.closed(identity, optional), { cursor: s.cursorText }),
    },
    handle: async ({ query }) => {
      const within = query.expiringWithin;
      const page = await listIdentities(deps, {
        spiffeId: query.spiffeId,
        expiringWithinSeconds: within === undefined ? undefined : parseDuration(within) / 1000,
        includeExpired: query.includeExpired === 'true',
        limit: s.readLimit(query.limit),
        cursor: query.cursor,
      });
      const { cursor } = page;
      return {
        apiVersion: s.apiVersion,
        kind: 'IdentityList',
        ...(cursor === undefined ? {} : { cursor }),
        items: page.items.map(toJson),
      };
    },
  });
}

function getRoute(parts: AdminParts): AdminRoute {
  const deps = depsOf(parts);
  return route<{ serial: string }>({
    method: 'GET',
    url: '/identities/:serial',
    role: 'viewer',
    tag: 'identities',
    summary: 'One certificate by its serial, with its text.',
    schema: {
      params: s.closed({ serial: s.serialText }),
      answer: s.one('Identity', { ...identity, certificatePem: s.text('The certificate, PEM.') }, optional),
    },
    handle: async ({ params }) => {
      const found = await getIdentity(deps, params.serial.replaceAll(':', ''));
      const certificatePem = formatCertificatePem(found.record.der);
      return { apiVersion: s.apiVersion, kind: 'Identity', ...toJson(found), certificatePem };
    },
  });
}

export function identityRoutes(parts: AdminParts): readonly AdminRoute[] {
  return [listRoute(parts), getRoute(parts)];
}
