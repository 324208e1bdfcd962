/** Begins a schema step on the database of argv[2] that would run for minutes, and says so from its middle. */
import { writeSync } from 'node:fs';
import { connect } from '../../../../src/adapters/store-sqlite/connection.ts';
import { migrate, migrations } from '../../../../src/adapters/store-sqlite/schema.ts';

const db = connect(process.argv[2] ?? '');
db.exec('PRAGMA cache_size = 10; PRAGMA cache_spill = 1');
let told = false;
db.function('tell', () => {
  if (!told) writeSync(1, 'half-way\n');
  told = true;
  return 1;
});
migrate(db, [
  ...migrations,
  `CREATE TABLE later (a, b); DELETE FROM idempotency; DROP TABLE revocation;
   INSERT INTO later SELECT value, zeroblob(2000) FROM generate_series_like;`.replace(
    'generate_series_like',
    `(WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 100000000)
      SELECT value FROM n WHERE value < 2000 OR tell() = 1)`,
  ),
]);
