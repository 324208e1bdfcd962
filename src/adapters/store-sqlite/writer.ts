/** The writer thread: batches in, acknowledgements out, after the sync and never before (D7). */
import { parentPort, workerData } from 'node:worker_threads';
import type { FromWriter, ToWriter, WriterOptions } from './protocol.ts';
import { outageReason, WriterCore } from './writer-core.ts';

const reopenAfterMs = 500;

if (parentPort === null) throw new TypeError('the writer runs as a worker thread');
const port = parentPort;
const options = workerData as WriterOptions;
const say = (message: FromWriter) => port.postMessage(message);

let core: WriterCore | undefined;
let retry: NodeJS.Timeout | undefined;

function commit(message: Extract<ToWriter, { type: 'batch' }>): void {
  if (core === undefined) {
    say({ type: 'failed', reason: 'io-error', detail: 'the database is being reopened' });
    return;
  }
  try {
    const results = core.commit(message);
    say({ type: 'done', results, head: core.head });
  } catch (error) {
    say({ type: 'failed', reason: outageReason(error), detail: String(error) });
    reopen();
    return;
  }
  tidy(core);
}

function tidy(open: WriterCore): void {
  try {
    open.tidy();
  } catch (error) {
    say({ type: 'outage', reason: outageReason(error), detail: String(error) });
    reopen();
  }
}

/** Closes, opens, empties the WAL, checks and writes once: only then is the store said to be well again. */
function reopen(): void {
  closeQuietly();
  let fresh: WriterCore | undefined;
  try {
    fresh = new WriterCore(options);
    fresh.settle();
    core = fresh;
    say({ type: 'ready', head: core.head, reopened: true });
  } catch (error) {
    say({ type: 'outage', reason: outageReason(error), detail: String(error) });
    try {
      fresh?.close();
    } catch {
      // It is given up either way.
    }
    retry = setTimeout(reopen, reopenAfterMs);
  }
}

function closeQuietly(): void {
  try {
    core?.close();
  } catch {
    // A connection that cannot close is given up; the next one starts from the files.
  }
  core = undefined;
}

port.on('message', (message: ToWriter) => {
  if (message.type === 'batch') commit(message);
  else {
    clearTimeout(retry);
    closeQuietly();
    say({ type: 'closed' });
    port.close();
  }
});

try {
  core = new WriterCore(options);
  say({ type: 'ready', head: core.head, reopened: false });
} catch (error) {
  say({ type: 'outage', reason: outageReason(error), detail: String(error) });
  retry = setTimeout(reopen, reopenAfterMs);
}
