import { listRoots } from '../../../operations/list-roots.ts';
import type { AdminParts } from '../parts.ts';
import { type AdminRoute, route } from '../route.ts';
import * as s from '../schemas.ts';

const root = s.closed(
  {
    role: s.text('root or intermediate.', { enum: ['root', 'intermediate'] }),
    state: s.text('prepared, active, old, or trusted: published, but not ours to sign with.'),
    authorityId: s.text('Its subject key id, hexadecimal.'),
    serial: s.text('Hexadecimal.'),
    fingerprint: s.text('SHA-256 of the certificate, hexadecimal: what a newcomer compares.'),
    subject: s.text('Its name; roots only.'),
    notBefore: s.instant('When it begins.'),
    notAfter: s.instant('When it ends.'),
    renewsAt: s.instant('When it renews itself.'),
    certificatePem: s.text('The certificate, PEM; roots only.'),
  },
  ['subject', 'renewsAt', 'certificatePem'],
);

export function trustRoutes({ authority }: AdminParts): readonly AdminRoute[] {
  return [
    route({
      method: 'GET',
      url: '/roots',
      role: 'viewer',
      tag: 'trust',
      summary: 'Roots and intermediates, with the sequence number of the trust bundle.',
      schema: {
        answer: s.listOf('Root', root, {
          trustDomain: s.text('The trust domain.'),
          bundleSequence: s.text('The sequence number of the published bundle.'),
        }),
      },
      handle: () => ({
        apiVersion: s.apiVersion,
        kind: 'RootList',
        trustDomain: authority.trustDomain,
        bundleSequence: String(authority.bundle().sequence),
        items: listRoots(authority).map(({ sha256, notBefore, notAfter, renewsAt, ...facts }) => ({
          ...facts,
          fingerprint: sha256,
          notBefore: s.iso(notBefore),
          notAfter: s.iso(notAfter),
          renewsAt: renewsAt === undefined ? undefined : s.iso(renewsAt),
        })),
      }),
    }),
  ];
}
