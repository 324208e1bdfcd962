import type { IssuanceRecord } from '../../operations/ports/index.ts';
import type { Ledger } from './ledger.ts';
import { insertOnce } from './refused.ts';
import { bytesOf } from './rows.ts';
import type { Statements } from './statements.ts';

/** The row of a certificate, and the counters; throws SERIAL_TAKEN before it has changed anything. */
export function insertIssuance(r: IssuanceRecord, ledger: Ledger, statements: Statements): void {
  const [serial, csr, issuer] = [bytesOf(r.serial), bytesOf(r.csrSha256), bytesOf(r.issuerKeyId)];
  const shortened = r.shortened ? 1 : 0;
  insertOnce('SERIAL_TAKEN', () =>
    statements.insertIssuance.run(
      serial,
      r.spiffeId,
      r.callerSubject,
      r.callerMethod,
      csr,
      r.notBefore,
      r.notAfter,
      r.issuedAt,
      r.requestId,
      issuer,
      shortened,
      r.peerAddress,
      r.state,
      ledger.epoch,
      r.der,
    ),
  );
  ledger.touched = true;
  const { issuances, newestIssuedAt } = ledger.counters;
  ledger.change({
    issuances: issuances + 1,
    newestIssuedAt: Math.max(newestIssuedAt ?? Number.NEGATIVE_INFINITY, r.issuedAt),
  });
}
