// oxlint-disable unicorn/require-post-message-target-origin -- worker threads have no origin
/**
 * Runs the suite against instrumented sources. Started anew for each mutant that shows when a module is loaded, and after
 * each that does not end.
 */
import { registerHooks } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';

export interface WorkerInput {
  /** Instrumented text by module URL. */
  readonly sources: ReadonlyMap<string, string>;
  readonly randomCount: number;
  /** On while modules load; 0 is none. */
  readonly activeAtLoad: number;
}

export type ToWorker =
  | { readonly ask: 'coverage' }
  | { readonly ask: 'run'; readonly mutant: number; readonly units: readonly number[] };
export type FromWorker =
  | {
      readonly told: 'coverage';
      readonly atLoad: readonly number[];
      /** By unit: the mutants that it passes by. */
      readonly reached: readonly (readonly number[])[];
      readonly broken: readonly string[];
      readonly isVector: readonly boolean[];
    }
  | { readonly told: 'result'; readonly mutant: number; readonly killedBy: number | undefined };

declare global {
  // oxlint-disable-next-line no-var -- the instrumented modules find it by this name
  var mutant: (id: number) => boolean;
}

const { sources, randomCount, activeAtLoad } = workerData as WorkerInput;
let active = activeAtLoad;
let seen: Set<number> | undefined = new Set();
globalThis.mutant = (id) => {
  seen?.add(id);
  return id === active;
};

registerHooks({
  load(url, context, next) {
    const source = sources.get(url);
    return source === undefined
      ? next(url, context)
      : { format: 'module-typescript', source, shortCircuit: true };
  },
});

const { vectorUnits, randomUnits } = await import('./suite.ts');
const atLoad = [...(seen ?? [])];
const kept = active;
active = 0;
const units = [...vectorUnits(), ...randomUnits(randomCount, 20_261)];
active = kept;

async function holds(index: number): Promise<boolean> {
  try {
    return (await units[index]?.holds()) ?? true;
  } catch {
    return false;
  }
}

async function coverage(): Promise<FromWorker> {
  const reached: number[][] = [];
  const broken: string[] = [];
  for (const [i, { name }] of units.entries()) {
    seen = new Set();
    if (!(await holds(i))) broken.push(name);
    reached.push([...seen]);
  }
  seen = undefined;
  return { told: 'coverage', atLoad, reached, broken, isVector: units.map(({ isVector }) => isVector) };
}

async function run(mutant: number, chosen: readonly number[]): Promise<FromWorker> {
  active = mutant;
  let killedBy: number | undefined;
  for (const index of chosen)
    if (!(await holds(index))) {
      killedBy = index;
      break;
    }
  active = 0;
  return { told: 'result', mutant, killedBy };
}

if (activeAtLoad !== 0) seen = undefined;
parentPort?.on('message', (message: ToWorker) => {
  if (message.ask === 'run') seen = undefined;
  const answer = message.ask === 'coverage' ? coverage() : run(message.mutant, message.units);
  void answer.then((told) => parentPort?.postMessage(told));
});
parentPort?.postMessage('ready');
