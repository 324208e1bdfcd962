import type { RotatingKey, RotationLineStatus, RotationPhasePlan } from '../../../authority/index.ts';
import {
  type CondemnOutcome,
  condemnAuthority,
  type RotationVerb,
  rotateAuthority,
} from '../../../operations/rotation/index.ts';
import type { AdminParts } from '../parts.ts';
import { type AdminRoute, route } from '../route.ts';
import * as s from '../schemas.ts';

const roles = ['root', 'intermediate', 'jwt'] as const;
type Role = (typeof roles)[number];
const verbs: readonly RotationVerb[] = ['next', 'start', 'pause', 'resume', 'rollback', 'force'];

const roleText = s.text('root, intermediate or jwt.', { enum: roles });
const idText = s.text('The subject key id of an authority, hexadecimal.', { pattern: '^[0-9a-f]{8,128}$' });
const reasonText = s.text('Why; kept in the audit log.', { maxLength: 512, minLength: 1 });

const key = s.closed(
  {
    authorityId: idText,
    role: roleText,
    state: s.text('prepared, active, old or retired.'),
    notBefore: s.instant('When it begins.'),
    notAfter: s.instant('When it ends.'),
    publishedAt: s.instant('Since when the trust bundle holds it.'),
    publishedIn: s.text('The sequence of the first bundle with it.'),
    activatedAt: s.instant('Since when it signs.'),
    steppedDownAt: s.instant('Since when it signs no more.'),
    tainted: s.text('Why it is not to be relied on.'),
    revoked: s.text('Why nothing that it signed counts.'),
  },
  ['publishedAt', 'publishedIn', 'activatedAt', 'steppedDownAt', 'tainted', 'revoked'],
);

const blocker = s.closed(
  {
    kind: s.text('agent, federation, certificate or time.'),
    name: s.text('Who it is.'),
    why: s.text('What is waited for.'),
    since: s.instant('Since when.'),
    until: s.instant('When this ends by itself.'),
  },
  ['until'],
);

const phase = s.closed(
  {
    phase: s.text('prepare, publish, activate or retire.'),
    state: s.text('done, next or later.'),
    at: s.instant('When it was done, or is done by itself.'),
    earliestAt: s.instant('When it could be done at the earliest.'),
    what: s.text('What happens then.'),
    gateIsOpen: s.flag('False while something is waited for.'),
    blockers: s.list(blocker, 'What is waited for.'),
    silent: s.list(s.text('A reader.'), 'Readers that were silent for so long that they do not count.'),
  },
  ['at', 'earliestAt', 'gateIsOpen'],
);

const line = s.closed(
  {
    role: roleText,
    phase: s.text('idle, prepared, published or activated.'),
    mode: s.text('scheduled, stepped, running or forced.'),
    isPaused: s.flag('Nothing happens by itself.'),
    reason: s.text('Why it was asked for.'),
    leftBehind: s.list(s.text('A name.'), 'Who is not waited for.'),
    active: key,
    next: key,
    old: s.list(key, 'Keys that stepped down, newest first.'),
    phases: s.list(phase, 'The whole way.'),
    mustAcknowledge: s.list(
      s.closed({
        name: s.text('An agent or federated reader.'),
        sequence: s.text('The sequence of the bundle it holds.'),
        reportedAt: s.instant('Its last word.'),
      }),
      'Whose report counts.',
    ),
  },
  ['reason', 'active', 'next'],
);

const statusShape = {
  bundleSequence: s.text('The sequence of the published bundle.'),
  items: s.list(line, 'One for each kind of key.'),
  verdicts: s.list(key, 'Authorities that are tainted or revoked.'),
};

const optional = (at: number | undefined) => (at === undefined ? {} : { at: s.iso(at) });

function keyOf(one: RotatingKey) {
  const { id, role, state, notBefore, notAfter, published, activatedAt, steppedDownAt, taint, revoked } = one;
  return {
    authorityId: id,
    role,
    state,
    notBefore: s.iso(notBefore),
    notAfter: s.iso(notAfter),
    ...(published === undefined
      ? {}
      : { publishedAt: s.iso(published.at), publishedIn: published.sequence.toString() }),
    ...(activatedAt === undefined ? {} : { activatedAt: s.iso(activatedAt) }),
    ...(steppedDownAt === undefined ? {} : { steppedDownAt: s.iso(steppedDownAt) }),
    ...(taint === undefined ? {} : { tainted: taint.reason }),
    ...(revoked === undefined ? {} : { revoked: revoked.reason }),
  };
}

function phaseOf({ phase: name, state, at, earliestAt, what, gate }: RotationPhasePlan) {
  return {
    phase: name,
    state,
    ...optional(at),
    ...(earliestAt === undefined ? {} : { earliestAt: s.iso(earliestAt) }),
    what,
    ...(gate === undefined ? {} : { gateIsOpen: gate.isOpen }),
    blockers: (gate?.blockers ?? []).map(({ since, until, ...rest }) => ({
      ...rest,
      since: s.iso(since),
      ...(until === undefined ? {} : { until: s.iso(until) }),
    })),
    silent: (gate?.silent ?? []).map(({ name: reader }) => reader),
  };
}

function lineOf({
  role,
  phase: name,
  order,
  active,
  next,
  old,
  phases,
  mustAcknowledge,
}: RotationLineStatus) {
  return {
    role,
    phase: name,
    mode: order?.mode ?? 'scheduled',
    isPaused: order?.isPaused ?? false,
    ...(order === undefined ? {} : { reason: order.reason }),
    leftBehind: [...(order?.leftBehind ?? [])],
    ...(active === undefined ? {} : { active: keyOf(active) }),
    ...(next === undefined ? {} : { next: keyOf(next) }),
    old: old.map(keyOf),
    phases: phases.map(phaseOf),
    mustAcknowledge: mustAcknowledge.map(({ name: reader, sequence, reportedAt }) => ({
      name: reader,
      sequence: sequence.toString(),
      reportedAt: s.iso(reportedAt),
    })),
  };
}

async function statusOf({ authority }: AdminParts) {
  const { sequence, lines, verdicts } = await authority.rotation.status();
  return {
    apiVersion: s.apiVersion,
    kind: 'RotationStatus',
    bundleSequence: sequence.toString(),
    items: lines.map(lineOf),
    verdicts: verdicts.map(keyOf),
  };
}

function statusRoute(parts: AdminParts): AdminRoute {
  return route({
    method: 'GET',
    url: '/rotation',
    role: 'viewer',
    tag: 'trust',
    summary: 'Where the rotation of each kind of key is, what comes next and what it waits for.',
    schema: { answer: s.one('RotationStatus', statusShape) },
    handle: () => statusOf(parts),
  });
}

function rotateRoute(parts: AdminParts): AdminRoute {
  const deps = { authority: parts.authority, audit: parts.store.audit };
  return route<unknown, unknown, { role: Role; verb: RotationVerb; reason: string; leaveBehind?: string[] }>({
    method: 'POST',
    url: '/rotation',
    role: 'admin',
    tag: 'trust',
    summary: 'Moves, starts, pauses, resumes, takes back or forces the rotation of a kind of key.',
    schema: {
      body: s.closed(
        {
          role: roleText,
          verb: s.text('What to do.', { enum: verbs }),
          reason: reasonText,
          leaveBehind: {
            ...s.list(s.text('A name.', { maxLength: 2_048 }), 'Who need not be waited for.'),
            maxItems: 1_000,
          },
        },
        ['leaveBehind'],
      ),
      answer: s.one('RotationStatus', statusShape),
    },
    handle: async ({ operator, body }) => {
      await rotateAuthority(deps, operator, body);
      return statusOf(parts);
    },
  });
}

function condemnRoute(parts: AdminParts): AdminRoute {
  const deps = {
    authority: parts.authority,
    issuances: parts.store.issuances,
    audit: parts.store.audit,
    clock: parts.clock,
  };
  return route<
    { authorityId: string },
    unknown,
    { verdict: 'taint' | 'revoke'; reason: string; dryRun?: boolean }
  >({
    method: 'POST',
    url: '/authorities/:authorityId/verdict',
    role: 'admin',
    tag: 'trust',
    summary: 'Taints or revokes an authority; with `dryRun`, says how far that would reach.',
    schema: {
      params: s.closed({ authorityId: idText }),
      body: s.closed(
        {
          verdict: s.text('taint or revoke.', { enum: ['taint', 'revoke'] }),
          reason: reasonText,
          dryRun: s.flag('Change nothing.'),
        },
        ['dryRun'],
      ),
      answer: s.one('AuthorityVerdict', {
        applied: s.flag('False for a dry run.'),
        authority: key,
        signs: s.flag('It signs at this moment.'),
        under: s.list(key, 'It and everything that it signed and is still known.'),
        affected: s.list(
          s.closed({
            spiffeId: s.spiffeIdText,
            certificates: s.whole('How many.'),
            until: s.instant('When the last of them ends.'),
          }),
          'Identities with living certificates under it, at most 1000.',
        ),
      }),
    },
    handle: async ({ operator, params, body }) => {
      const request = { ...params, ...body, dryRun: body.dryRun ?? false };
      return verdictOf(await condemnAuthority(deps, operator, request));
    },
  });
}

function verdictOf({ reach, affected, applied }: CondemnOutcome) {
  return {
    apiVersion: s.apiVersion,
    kind: 'AuthorityVerdict',
    applied,
    authority: keyOf(reach.key),
    signs: reach.signs,
    under: reach.keys.map(keyOf),
    affected: affected.map(({ until, ...rest }) => ({ ...rest, until: s.iso(until) })),
  };
}

export function rotationRoutes(parts: AdminParts): readonly AdminRoute[] {
  return [statusRoute(parts), rotateRoute(parts), condemnRoute(parts)];
}
