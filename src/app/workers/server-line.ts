import type { KeySetPlace } from '../../operations/policy-snapshot/index.ts';
import type { FromWorker, ToWorker } from './messages.ts';

interface Asking {
  readonly resolve: (text: string) => void;
  readonly reject: (error: Error) => void;
}

/** The worker's end of the line to its server. When the server is gone, so is the worker. */
export class ServerLine {
  readonly #asking = new Map<number, Asking>();
  #next = 1;

  constructor(take: (message: ToWorker) => void) {
    process.on('message', (message: ToWorker) => {
      if (message.kind === 'key-set') this.#answer(message);
      else take(message);
    });
    process.on('disconnect', () => process.exit(0));
    // The server decides when workers end: a signal to the whole group is for it.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
  }

  say(message: FromWorker): void {
    if (process.connected) process.send?.(message);
  }

  fetchKeySet(place: KeySetPlace, signal: AbortSignal): Promise<string> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#asking.delete(id);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', end, { once: true });
      const done = () => signal.removeEventListener('abort', end);
      this.#asking.set(id, {
        resolve: (text) => {
          done();
          resolve(text);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      });
      this.say({ kind: 'key-set', id, place });
    });
  }

  close(): void {
    if (process.connected) process.disconnect?.();
  }

  #answer({ id, text, problem }: Extract<ToWorker, { kind: 'key-set' }>): void {
    const asking = this.#asking.get(id);
    this.#asking.delete(id);
    if (text !== undefined) asking?.resolve(text);
    else asking?.reject(new Error(problem ?? 'the key set could not be fetched'));
  }
}
