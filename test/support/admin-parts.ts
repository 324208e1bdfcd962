import { authorityErrors, type RotationControl } from '../../src/authority/index.ts';
import type { Clock } from '../../src/base/clock.ts';
import type { AdminParts } from '../../src/endpoints/admin/index.ts';
import { RegistrationIndex } from '../../src/identity/index.ts';
import { Enforcers } from '../../src/operations/enforcers.ts';
import { PageCursors } from '../../src/operations/page-cursor.ts';
import type { RegistrationView } from '../../src/operations/registrations.ts';
import { parseTrustDomain } from '../../src/spiffe/index.ts';
import { FakeRandom } from '../fakes/random.ts';
import type { FakeStore } from '../fakes/store.ts';

const noRegistrations: RegistrationView = {
  registry: new RegistrationIndex('Kubernetes', []),
  isRegistered: () => false,
  dnsNamesOf: () => [],
  under: () => [],
  until: Number.POSITIVE_INFINITY,
};

const nothingToDo = () => Promise.reject(authorityErrors.ROTATION_NOTHING_TO_DO());
const unknown = (): never => {
  throw authorityErrors.AUTHORITY_UNKNOWN();
};
const restingRotation: RotationControl = {
  status: async () => ({ sequence: 3n, lines: [], verdicts: [] }),
  next: nothingToDo,
  start: nothingToDo,
  pause: nothingToDo,
  resume: nothingToDo,
  rollback: nothingToDo,
  force: nothingToDo,
  keys: () => [],
  reach: unknown,
  taint: unknown,
  revoke: unknown,
  onEvent: () => ({ [Symbol.dispose]: () => undefined }),
};

/** An admin door over the store in memory, with an authority that has nothing to show. */
export function fakeAdminParts(store: FakeStore, clock: Clock): AdminParts {
  const trustDomain = parseTrustDomain('cluster.local');
  return {
    store,
    authority: {
      trustDomain,
      bundle: () => ({ trustDomain, sequence: 3n, x509Roots: [], jwtKeys: [], refreshHintSeconds: 300 }),
      roots: () => [],
      status: () => ({ kind: 'self-managed', ready: true, issuerId: 'aa', authorities: [], alarms: [] }),
      rotation: restingRotation,
    },
    clock,
    random: new FakeRandom(),
    policy: () => undefined,
    policySettings: {
      trustDomain,
      strict: false,
      stripPathParameters: false,
      selfProviders: [],
      multipleCustomProviders: false,
    },
    policyFeed: () => ({
      revision: undefined,
      storeRevision: undefined,
      activatedAt: undefined,
      compileMs: undefined,
      activations: 0,
      failures: 0,
      problem: undefined,
      seen: -1n,
    }),
    enforcers: new Enforcers(),
    traffic: { list: (query) => store.traffic.list(query) },
    simulator: { simulate: () => Promise.reject(new Error('nothing to simulate')) },
    agents: { reports: { find: () => undefined }, registrations: () => noRegistrations },
    cursors: new PageCursors(new Uint8Array(32)),
    readiness: [{ name: 'store', check: () => ({ ok: true }) }],
    settings: [{ name: 'csrPort', value: 15_012, origin: 'default' }],
    notices: () => [],
    version: { version: '1.2.3' },
    issue: async (_operator, { spiffeId }) => ({
      serial: '0a',
      spiffeId,
      chainPem: [],
      notBefore: 0,
      notAfter: 1,
      shortened: false,
    }),
    backup: async () => ({
      bytes: 3,
      at: 0,
      content: (async function* () {
        yield new Uint8Array([1, 2, 3]);
      })(),
    }),
    verifyAudit: () => store.audit.verify(),
    acceptClock: async () => undefined,
  };
}
