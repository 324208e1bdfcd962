import { freePort } from '../../test/support/proxies/app-server.ts';
import { deployed, type RunningProxy, startEnvoy } from '../../test/support/proxies/program.ts';
import { against, type Figure, median } from '../support/bench.ts';
import { type Load, type Measured, run, startTarget, type Target } from '../support/check/load.ts';
import { headersOf } from '../support/check/plan.ts';
import { grpcCheck } from '../support/check/questions.ts';

const rounds = 3;
const rates = (process.env.CASTELLAN_BENCH_RATES ?? '200,1000').split(',').map(Number);
const seconds = Number(process.env.CASTELLAN_BENCH_SECONDS ?? 3);

/**
 * Envoy with the configuration of `deploy/`, and the same without its filter, at the same rates of open load. Behind it
 * is Envoy's own direct answer, so nothing but the check is between the two.
 */
export async function bench(): Promise<readonly Figure[]> {
  using castellan = await startTarget({ kind: 'castellan', policies: 100, byAddress: true });
  await using withFilter = await startBare(configured(castellan));
  await using without = await startBare(withoutFilter(configured(castellan)));
  const figures: Figure[] = [];
  for (const rps of rates) {
    const [floors, runs, doors]: [Measured[], Measured[], Measured[]] = [[], [], []];
    for (let round = 0; round < rounds; round++) {
      floors.push(await run(castellan, through(without), { seconds, rps }));
      runs.push(await run(castellan, through(withFilter), { seconds, rps }));
      doors.push(await run(castellan, grpcCheck(false), { seconds, rps }));
    }
    for (const figure of ['p50', 'p95', 'p99'] as const) {
      const floor = median(floors.map((one) => one[figure]));
      const value = median(runs.map((one) => one[figure]));
      const name = `Envoy with its check, ${rps}/s: ${figure}`;
      figures.push(against(floor, { name, value, unit: 'ms' }), {
        name: `added by the check, ${rps}/s: ${figure}`,
        value: value - floor,
        unit: 'ms',
      });
      const door = median(doors.map((one) => one[figure]));
      figures.push({ name: `the door asked without Envoy, ${rps}/s: ${figure}`, value: door, unit: 'ms' });
    }
  }
  return figures;
}

const through = ({ port }: RunningProxy): Load => ({
  url: () => `http://127.0.0.1:${port}/items?page=2`,
  args: Object.entries(headersOf(false)).flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
});

function configured(castellan: Target): string {
  return deployed('envoy/ext-authz.yaml', {
    'port_value: 9191 ': `port_value: ${castellan.grpc} `,
    'port_value: 9901 ': 'port_value: 0 ',
    // A busy machine must not decide.
    'timeout: 0.25s': 'timeout: 10s',
    'route: { cluster: backend }': 'direct_response: { status: 200, body: { inline_string: "hello" } }',
  });
}

/** Cuts the filter and what routes say to it. */
function withoutFilter(config: string): string {
  const cut = (text: string, from: string, to: string) => {
    const [begin, end] = [text.indexOf(from), text.indexOf(to)];
    if (begin === -1 || end < begin) throw new TypeError(`the configuration has no \`${from.trim()}\``);
    return text.slice(0, begin) + text.slice(end);
  };
  const routes = cut(
    config,
    '                      typed_per_filter_config:',
    '                http_filters:',
  );
  return cut(
    routes,
    '                  - name: envoy.filters.http.ext_authz',
    '                  - name: envoy.filters.http.router',
  );
}

async function startBare(config: string): Promise<RunningProxy> {
  const port = await freePort();
  return await startEnvoy(config.replace('port_value: 8000 ', `port_value: ${port} `), port);
}
