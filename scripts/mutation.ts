// oxlint-disable unicorn/require-post-message-target-origin -- worker threads have no origin
/**
 * `node scripts/mutation.ts [--random N] [--every N] [--json FILE]`: how many small mistakes in the evaluator the policy
 * vectors notice, and how many more random requests beside the naive evaluator do. Minutes of work; part of the nightly
 * run.
 */
import { globSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { instrument, type Mutant } from './mutation/mutants.ts';
import type { FromWorker, ToWorker, WorkerInput } from './mutation/worker.ts';
import { root } from './steps.ts';

/** Where a decision is made: matching, the stages, and what compiles policies into both. */
const places = [
  'evaluate/*.ts',
  'match/*.ts',
  'compile/{authorization,clauses,conditions,peer,tokens,target,trust-domains,rule-index,rule-set}.ts',
  'query/effective-mtls.ts',
  'workload-view.ts',
];
/** Longer than the whole suite takes for one mutant. */
const patienceMs = 20_000;
/** Nothing below the floor is accepted: more mistakes have become invisible. */
const floors = { vectors: 0.7, all: 0.71 };

const { values } = parseArgs({
  options: {
    random: { type: 'string', default: '300' },
    every: { type: 'string', default: '1' },
    json: { type: 'string' },
  },
});

const policy = join(root, 'src', 'policy');
const files = places
  .flatMap((pattern) => globSync(pattern, { cwd: policy }))
  .filter((file) => !basename(file).endsWith('.test.ts'))
  .sort();
const sources = new Map<string, string>();
const mutants: Mutant[] = [];
for (const file of files) {
  const path = join(policy, file);
  const made = instrument(path, `src/policy/${file}`, mutants.length + 1);
  sources.set(pathToFileURL(path).href, made.text);
  mutants.push(...made.mutants);
}
/** `--every 4`: a quarter of them, for an estimate. */
const chosen = mutants.filter((_, i) => i % Number(values.every) === 0);

/** A worker that has loaded the instrumented modules, with one mutant active meanwhile (0: none). */
class Runner {
  readonly #worker: Worker;
  readonly #ready: Promise<void>;
  #answer: ((told: FromWorker | undefined) => void) | undefined;

  constructor(activeAtLoad: number) {
    // A mutant that shows at loading pays for a worker of its own, and is left to the vectors.
    const randomCount = activeAtLoad === 0 ? Number(values.random) : 0;
    const workerData: WorkerInput = { sources, randomCount, activeAtLoad };
    this.#worker = new Worker(new URL('./mutation/worker.ts', import.meta.url), { workerData });
    this.#ready = new Promise((resolve, reject) => {
      this.#worker.once('message', () => {
        this.#worker.on('message', (told: FromWorker) => this.#answer?.(told));
        resolve();
      });
      this.#worker.once('error', (error) => {
        if (activeAtLoad === 0) console.error(error);
        reject(error);
      });
      this.#worker.once('exit', () => reject(new Error('the worker ended')));
    });
    this.#ready.catch(() => undefined);
  }

  /** Undefined when it does not answer in time, or not at all. */
  async ask(message: ToWorker): Promise<FromWorker | undefined> {
    try {
      await this.#ready;
    } catch {
      return undefined;
    }
    return new Promise((resolve) => {
      const timer = message.ask === 'run' ? setTimeout(() => settle(undefined), patienceMs) : undefined;
      const settle = (told: FromWorker | undefined) => {
        clearTimeout(timer);
        this.#answer = undefined;
        resolve(told);
      };
      this.#answer = settle;
      this.#worker.postMessage(message);
    });
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

type Verdict = 'vector' | 'random' | 'hang' | 'survived' | 'unreached';

let runner = new Runner(0);
const covered = await runner.ask({ ask: 'coverage' });
if (covered?.told !== 'coverage') throw new Error('the suite did not run');
if (covered.broken.length > 0) throw new Error(`without any mutant these fail: ${covered.broken.join(', ')}`);
const { reached, isVector } = covered;
const atLoad = new Set(covered.atLoad);
const unitsOf = new Map<number, number[]>();
for (const [unit, ids] of reached.entries())
  for (const id of ids) {
    const list = unitsOf.get(id) ?? [];
    unitsOf.set(id, list);
    list.push(unit);
  }
const every = [...reached.keys()].filter((unit) => isVector[unit] === true);

async function judge({ id }: Mutant): Promise<Verdict> {
  const isLoaded = atLoad.has(id);
  const units = isLoaded ? every : (unitsOf.get(id) ?? []);
  if (units.length === 0) return 'unreached';
  const own = isLoaded ? new Runner(id) : runner;
  const told = await own.ask({ ask: 'run', mutant: id, units });
  if (isLoaded) await own.stop();
  else if (told === undefined) {
    await runner.stop();
    runner = new Runner(0);
  }
  if (told?.told !== 'result') return 'hang';
  if (told.killedBy === undefined) return 'survived';
  return isVector[told.killedBy] === true ? 'vector' : 'random';
}

const verdicts = new Map<Mutant, Verdict>();
for (const mutant of chosen) {
  verdicts.set(mutant, await judge(mutant));
  if (verdicts.size % 200 === 0) console.error(`${verdicts.size} of ${chosen.length} mutants …`);
}
await runner.stop();

const count = (...wanted: readonly Verdict[]) =>
  [...verdicts.values()].filter((one) => wanted.includes(one)).length;
const share = (part: number) => `${((100 * part) / chosen.length).toFixed(1)} %`;
const byVectors = count('vector', 'hang');
const byAll = byVectors + count('random');
for (const [{ file, line, was, becomes }, verdict] of verdicts)
  if (verdict === 'survived' || verdict === 'unreached' || verdict === 'random')
    console.log(`${verdict.padEnd(9)} ${file}:${line}  ${was}  →  ${becomes}`);
console.log(`${chosen.length} mutants of ${files.length} files`);
console.log(`noticed by the vectors: ${byVectors} (${share(byVectors)})`);
console.log(`noticed by vectors or random requests: ${byAll} (${share(byAll)})`);
console.log(`reached and not noticed: ${count('survived')}, never reached: ${count('unreached')}`);
if (values.json)
  writeFileSync(
    values.json,
    `${JSON.stringify(
      [...verdicts].map(([mutant, verdict]) => ({ ...mutant, verdict })),
      null,
      1,
    )}\n`,
  );
const isEnough = byVectors / chosen.length >= floors.vectors && byAll / chosen.length >= floors.all;
console.log(isEnough ? '1 passed, 0 failed' : '0 passed, 1 failed');
process.exitCode = isEnough ? 0 : 1;
