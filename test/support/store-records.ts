import type { AuditEvent, IssuanceRecord } from '../../src/operations/ports/index.ts';

/** An audit event and a record with every member set: say only what matters to the test. */
export function auditEvent(change: Partial<AuditEvent> = {}): AuditEvent {
  return {
    actor: 'alice',
    actorMethod: 'local',
    action: 'certificate.issue',
    object: 'spiffe://cluster.local/ns/shop/sa/cart',
    result: 'success',
    requestId: 'req-1',
    detail: {},
    ...change,
  };
}

export function issuanceRecord(serial: string, change: Partial<IssuanceRecord> = {}): IssuanceRecord {
  const at = Date.parse('2026-01-01T00:00:00Z');
  return {
    serial,
    spiffeId: 'spiffe://cluster.local/ns/shop/sa/cart',
    callerSubject: 'system:serviceaccount:shop:cart',
    callerMethod: 'jwt',
    csrSha256: 'aa'.repeat(32),
    notBefore: at - 120_000,
    notAfter: at + 86_400_000,
    issuedAt: at,
    der: new Uint8Array([0x30, 0x03, 0x02, 0x01, 0x05]),
    requestId: 'req-1',
    issuerKeyId: 'bb'.repeat(20),
    shortened: false,
    peerAddress: '192.0.2.7:41000',
    state: 'issued',
    ...change,
  };
}
