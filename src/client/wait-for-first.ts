import { abortable } from '../base/waiting.ts';

/** A promise that others settle once; later settling changes nothing. */
export class First {
  readonly #promise: Promise<void>;
  #resolve: () => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor() {
    this.#promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#promise.catch(() => undefined);
  }

  arrived(): void {
    this.#resolve();
  }

  failed(error: Error): void {
    this.#reject(error);
  }

  wait(signal: AbortSignal | undefined): Promise<void> {
    return signal === undefined ? this.#promise : abortable(this.#promise, signal);
  }
}
