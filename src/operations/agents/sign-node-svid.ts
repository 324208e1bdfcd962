import type { SpiffeId } from '../../spiffe/index.ts';
import { type Csr, type KeyPolicy, parseCertificatesPem } from '../../x509/index.ts';
import { type SigningParts, signAndRecord } from '../issue-svid/index.ts';
import type { AuditEvent, IssuanceRecord, NodeStore } from '../ports/index.ts';

export interface NodeSigningParts extends Omit<SigningParts, 'issuances' | 'idempotencyMs'> {
  readonly nodes: NodeStore;
  readonly keyPolicy: KeyPolicy;
  /** Zero: as long as any other certificate. */
  readonly nodeTtlSeconds: number;
}

export interface NodeSigningOrder {
  readonly csr: Csr;
  readonly id: SpiffeId;
  readonly method: string;
  readonly address: string;
  readonly requestId: string;
  readonly signal: AbortSignal;
  /** Writes certificate and node in one transaction. */
  readonly record: (record: IssuanceRecord, audit: AuditEvent) => Promise<void>;
}

/** Leaf first, DER, without roots; whatever leaves here is on durable record (D7). */
export async function signNodeSvid(
  parts: NodeSigningParts,
  order: NodeSigningOrder,
): Promise<readonly Uint8Array[]> {
  const { csr, id, method, address, requestId, signal, record } = order;
  const issuances = {
    async recordIssuance(entry: IssuanceRecord, audit: AuditEvent) {
      await record(entry, audit);
      return { replayed: false } as const;
    },
  };
  const { chainPem } = await signAndRecord(
    { ...parts, issuances, idempotencyMs: 0 },
    {
      csr,
      spiffeId: id,
      dnsNames: [],
      validitySeconds: parts.nodeTtlSeconds,
      caller: { subject: id.uri, method, actor: id.uri, actorMethod: method, address },
      requestId,
      note: {},
      signal,
    },
  );
  return chainPem.slice(0, -1).flatMap((pem) => parseCertificatesPem(pem).map(({ der }) => der));
}
