/** `npm run bench -- [NAME…] [--json FILE]`: runs the named benches (default all), prints a table, writes rows. */
import { readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Bench, BenchRow } from './support/bench.ts';
import { formatRows } from './support/table.ts';

const here = join(dirname(fileURLToPath(import.meta.url)), 'suites');
const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'string' } } });
const known = readdirSync(here)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3))
  .sort();
const unknown = positionals.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`no bench named ${unknown.join(', ')}; there are: ${known.join(', ')}`);
  process.exit(64);
}

const rows: BenchRow[] = [];
for (const name of positionals.length > 0 ? positionals : known) {
  console.error(`running ${name} …`);
  const { bench } = (await import(pathToFileURL(join(here, `${name}.ts`)).href)) as { bench: Bench };
  for (const row of await bench()) rows.push({ bench: name, ...row });
}
console.log(formatRows(rows));
if (values.json) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
