/** docs/reference/metrics.md: every metric, from the constants. */
import {
  attestors,
  citadelSpecs,
  csrReasons,
  type MetricSpec,
  metricSpecs,
} from '../../src/adapters/telemetry/index.ts';
import { mono, table, writeReference } from '../support/markdown.ts';

const rows = (specs: Readonly<Record<string, MetricSpec>>) =>
  Object.entries(specs).map(([name, { type, labels, help }]) => [
    mono(name),
    type,
    labels.map(mono).join(' '),
    help,
  ]);
const headers = ['metric', 'type', 'labels', 'meaning'];

writeReference(
  'metrics.md',
  `# Metrics

Served as text at \`/metrics\` of the observability door (15014). No label holds a SPIFFE ID, a serial in full, an address or a path, so that the number of series stays bounded. Instants are seconds since the epoch: subtract \`time()\` for what is left.

${table(headers, rows(metricSpecs))}
Values of \`reason\`: ${csrReasons.map(mono).join(', ')}.
Values of \`attestor\`: ${attestors.map(mono).join(', ')}.

The metrics of Node itself (\`process_*\`, \`nodejs_*\`) are served too.

## Names of Istio's CA

Kept so that existing dashboards and alerts go on working.

${table(headers, rows(citadelSpecs))}`,
);
