/** Every action that can stand in the audit log, for the generated reference. Add a row here before using a new one. */

export interface AuditActionSpec {
  /** What happened, as a sentence. */
  readonly summary: string;
  /** What `object` names. */
  readonly object: string;
}

export const auditCatalogue = {
  'certificate.issue': { summary: 'a certificate was issued', object: 'SPIFFE ID' },
  'certificate.recover': {
    summary: 'a certificate issued after the restored backup was put on record at its first use',
    object: 'SPIFFE ID',
  },
  'join-token.create': { summary: 'a join token was made', object: 'SPIFFE ID' },
  'join-token.redeem': { summary: 'a join token was used up', object: 'SPIFFE ID' },
  'revocation.add': {
    summary: 'a serial or SPIFFE ID was put on the deny list',
    object: 'serial or SPIFFE ID',
  },
  'revocation.lift': {
    summary: 'a serial or SPIFFE ID was taken off the deny list',
    object: 'serial or SPIFFE ID',
  },
  'resource.create': { summary: 'a resource was created', object: 'kind/namespace/name' },
  'resource.update': { summary: 'a resource was changed', object: 'kind/namespace/name' },
  'resource.delete': { summary: 'a resource was deleted', object: 'kind/namespace/name' },
  'authority.initialise': { summary: 'a root key and certificate were made', object: 'authority id' },
  'authority.reload': { summary: 'plugged-in CA material changed and was taken up', object: 'authority id' },
  'authority.prepare': { summary: 'a next root, intermediate or JWT key was made', object: 'authority id' },
  'authority.activate': { summary: 'a prepared key began to sign', object: 'authority id' },
  'authority.retire': { summary: 'an old key left the trust bundle', object: 'authority id' },
  'authority.prune': { summary: 'a key that nothing needs any more was destroyed', object: 'authority id' },
  'authority.order': { summary: 'an operator began, stopped or hastened a rotation', object: 'kind of key' },
  'authority.taint': { summary: 'an authority was marked as not to be relied on', object: 'authority id' },
  'authority.revoke': { summary: 'nothing that an authority signed counts any more', object: 'authority id' },
  'bundle.publish': { summary: 'a new trust bundle was published', object: 'trust domain' },
  'node.attest': { summary: 'a node proved what it is', object: 'SPIFFE ID' },
  'node.renew': { summary: 'a node got a new node SVID', object: 'SPIFFE ID' },
  'node.evict': { summary: 'a node was evicted: it must attest again', object: 'SPIFFE ID' },
  'node.ban': { summary: 'a node was banned: it may not attest', object: 'SPIFFE ID' },
  'node.unban': { summary: 'the ban of a node was lifted', object: 'SPIFFE ID' },
  'jwt-svid.mint': { summary: 'a JWT-SVID was minted for an agent', object: 'SPIFFE ID' },
  'operator.deny': { summary: 'an operator call was refused', object: 'verb' },
  'clock.accept': { summary: 'an operator confirmed a clock jump', object: 'instance' },
  'server.start': { summary: 'a server began to serve', object: 'instance' },
  'server.stop': { summary: 'a server stopped', object: 'instance' },
  'store.initialise': { summary: 'the database was made', object: 'instance' },
  'store.migrate': { summary: 'the database schema was moved forward', object: 'schema version' },
  'store.backup': { summary: 'a backup was taken', object: 'instance' },
  'store.restore': {
    summary: 'the database was restored from a backup: a new serial epoch, join tokens void',
    object: 'instance',
  },
  'store.accept-loss': {
    summary:
      'an operator accepted a database older than its last checkpoint: a new serial epoch, join tokens void',
    object: 'instance',
  },
  'store.prune': { summary: 'expired records were removed', object: 'kind of record' },
} as const satisfies Readonly<Record<string, AuditActionSpec>>;

export type AuditAction = keyof typeof auditCatalogue;
