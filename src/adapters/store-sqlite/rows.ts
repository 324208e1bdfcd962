import type { SQLOutputValue } from 'node:sqlite';
import type {
  Idempotency,
  IssuanceRecord,
  JoinToken,
  NodeRecord,
  NodeState,
  Refusal,
  Revocation,
  StoredResource,
} from '../../operations/ports/index.ts';

/** Rows as the database gives them, and back to the values of the ports. */
export type Row = Record<string, SQLOutputValue>;

/** Strict: a text that is cut short without a word would be another serial. */
export function bytesOf(hex: string): Buffer {
  const bytes = Buffer.from(hex, 'hex');
  if (bytes.length * 2 !== hex.length) throw new TypeError('not hexadecimal');
  return bytes;
}

export function hexOf(value: SQLOutputValue | undefined): string {
  if (!(value instanceof Uint8Array)) throw new TypeError('the column holds no bytes');
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex');
}

export function readIssuance(row: Row): IssuanceRecord {
  return {
    serial: hexOf(row['serial']),
    spiffeId: String(row['spiffe_id']),
    callerSubject: String(row['caller_subject']),
    callerMethod: String(row['caller_method']),
    csrSha256: hexOf(row['csr_sha256']),
    notBefore: Number(row['not_before']),
    notAfter: Number(row['not_after']),
    issuedAt: Number(row['issued_at']),
    der: row['der'] as Uint8Array,
    requestId: String(row['request_id']),
    issuerKeyId: hexOf(row['issuer_key_id']),
    shortened: row['shortened'] === 1,
    peerAddress: String(row['peer_address']),
    state: row['state'] === 'recovered' ? 'recovered' : 'issued',
  };
}

export function readIdempotency(keyHash: string, callerSubject: string, row: Row): Idempotency {
  return {
    keyHash,
    callerSubject,
    csrSha256: hexOf(row['csr_sha256']),
    expiresAt: Number(row['expires_at']),
    chainPem: readChain(row['chain']),
  };
}

export function readChain(value: SQLOutputValue | undefined): readonly string[] {
  return JSON.parse(String(value)) as string[];
}

export function readToken(row: Row): JoinToken {
  return {
    hash: hexOf(row['hash']),
    spiffeId: String(row['spiffe_id']),
    expiresAt: Number(row['expires_at']),
    createdAt: Number(row['created_at']),
  };
}

export function readRevocation(row: Row): Revocation {
  const target =
    row['serial'] === null ? { spiffeId: String(row['spiffe_id']) } : { serial: hexOf(row['serial']) };
  return { ...target, reason: String(row['reason']), at: Number(row['at']), actor: String(row['actor']) };
}

export function readResource(row: Row): StoredResource {
  return {
    kind: String(row['kind']),
    namespace: String(row['namespace']),
    name: String(row['name']),
    content: String(row['content']),
    owner: String(row['owner']),
    version: BigInt(row['version'] as number),
    createdAt: Number(row['created_at']),
    updatedAt: Number(row['updated_at']),
  };
}

export function readRefusal(row: Row): Refusal {
  return {
    requestId: String(row['request_id']),
    at: Number(row['at']),
    code: String(row['code']),
    detail: String(row['detail']),
    evidence: JSON.parse(String(row['evidence'])) as Refusal['evidence'],
  };
}

export function readNode(row: Row): NodeRecord {
  return {
    id: String(row['id']),
    method: String(row['method']),
    selectors: JSON.parse(String(row['selectors'])) as string[],
    agentVersion: String(row['agent_version']),
    serial: hexOf(row['serial']),
    notAfter: Number(row['not_after']),
    attestedAt: Number(row['attested_at']),
    renewedAt: Number(row['renewed_at']),
    lastSeenAt: Number(row['last_seen_at']),
    state: String(row['state']) as NodeState,
    stateReason: String(row['state_reason']),
    stateChangedAt: Number(row['state_changed_at']),
    bundles: JSON.parse(String(row['bundles'])) as NodeRecord['bundles'],
  };
}
