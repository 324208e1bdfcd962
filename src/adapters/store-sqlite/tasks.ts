import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { storeErrors } from '../../operations/ports/index.ts';
import type { Row } from './rows.ts';

/** Long reads of the whole file, each in a thread of its own. */
export type Task =
  | { readonly task: 'backup'; readonly database: string; readonly file: string; readonly at: number }
  | { readonly task: 'check'; readonly database: string; readonly quick?: boolean }
  | {
      readonly task: 'query';
      readonly database: string;
      readonly sql: string;
      readonly values: readonly (string | number)[];
    };

export type TaskAnswer =
  | { readonly ok: true; readonly problems: readonly string[]; readonly rows?: readonly Row[] }
  | { readonly ok: false; readonly detail: string };

/** Resolves with the problems found (none for a backup that was made); rejects with STORE_UNAVAILABLE. */
export async function runTask(task: Task, signal?: AbortSignal): Promise<readonly string[]> {
  return (await runInThread(task, signal)).problems;
}

/** For queries that read so much that checks would notice. */
export async function runQuery(
  database: string,
  sql: string,
  values: readonly (string | number)[],
): Promise<readonly Row[]> {
  return (await runInThread({ task: 'query', database, sql, values })).rows ?? [];
}

function runInThread(task: Task, signal?: AbortSignal): Promise<Extract<TaskAnswer, { readonly ok: true }>> {
  const worker = new Worker(new URL(`./task-worker${extname(import.meta.url)}`, import.meta.url), {
    workerData: task,
    name: `castellan-${task.task}`,
  });
  signal?.addEventListener('abort', () => void worker.terminate(), { once: true });
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) =>
      reject(storeErrors.STORE_UNAVAILABLE({ message: `the ${task.task} failed: ${String(cause)}`, cause }));
    worker.once('message', (answer: TaskAnswer) => (answer.ok ? resolve(answer) : fail(answer.detail)));
    worker.once('error', fail);
    worker.once('exit', () => fail('the thread ended'));
  });
}
