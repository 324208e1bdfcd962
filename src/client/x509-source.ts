import type { Clock } from '../base/clock.ts';
import type { CastellanError } from '../base/errors.ts';
import type { TrustDomain } from '../spiffe/index.ts';
import type { Certificate } from '../x509/index.ts';
import { workloadEndpoint } from './endpoint.ts';
import { clientErrors } from './errors.ts';
import { follow } from './follow.ts';
import { portsOf, type SourceOptions } from './options.ts';
import { First } from './wait-for-first.ts';
import { WorkloadApi } from './workload-api.ts';
import { readX509Context, type X509Context, type X509Svid } from './x509-context.ts';

export interface X509SourceOptions extends SourceOptions {
  /** Which of several identities to show; the agent's default (the first) when not given. */
  readonly pick?: (svids: X509Context['svids']) => X509Svid | undefined;
}

/**
 * The X.509-SVID and bundles of this process, kept current over the Workload API. Rotation needs nothing of the
 * user: ask again, or listen. The agent being away changes nothing until the SVID ends.
 */
export class X509Source implements Disposable {
  readonly #options: X509SourceOptions;
  readonly #clock: Clock;
  readonly #api: WorkloadApi;
  readonly #closing = new AbortController();
  readonly #first = new First();
  readonly #listeners = new Set<() => void>();
  #context: X509Context | undefined;
  #refusal: CastellanError | undefined;

  private constructor(options: X509SourceOptions) {
    this.#options = options;
    this.#api = new WorkloadApi(workloadEndpoint(options.endpoint));
    const { clock, random } = portsOf(options);
    this.#clock = clock;
    const { signal } = this.#closing;
    void follow({
      open: (aborted) => this.#api.watchX509(aborted),
      take: (answer) => this.#take(readX509Context(answer)),
      failed: (error) => this.#failed(error),
      clock,
      random,
      signal,
    });
  }

  /**
   * Resolves with the first answer in place. Throws WORKLOAD_ENDPOINT_* at once, the signal's reason, and an error
   * that another try would not cure (WORKLOAD_API_UNSUPPORTED).
   */
  static async open(options: X509SourceOptions = {}): Promise<X509Source> {
    const source = new X509Source(options);
    try {
      await source.#first.wait(options.signal);
      return source;
    } catch (error) {
      source[Symbol.dispose]();
      throw error;
    }
  }

  /** The identity to show now. Throws SVID_MISSING, WORKLOAD_API_REFUSED when it was withdrawn, SOURCE_CLOSED. */
  svid(): X509Svid {
    const { svids } = this.context();
    const { pick } = this.#options;
    const svid = pick === undefined ? svids[0] : pick(svids);
    if (svid === undefined) throw clientErrors.SVID_MISSING({ message: 'none of the identities was picked' });
    return svid;
  }

  /** Everything the last answer said. Throws as `svid` does. */
  context(): X509Context {
    if (this.#closing.signal.aborted) throw clientErrors.SOURCE_CLOSED();
    if (this.#refusal !== undefined) throw this.#refusal;
    if (this.#context === undefined) throw clientErrors.SVID_MISSING();
    return this.#context;
  }

  /** The roots of a trust domain, or undefined for one that is not trusted (W-10). */
  rootsFor(trustDomain: TrustDomain): readonly Certificate[] | undefined {
    return this.context().bundles.get(trustDomain);
  }

  now(): number {
    return this.#clock.now();
  }

  /** Called after each change: a new SVID, another bundle, a withdrawal. */
  onUpdate(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  [Symbol.dispose](): void {
    this.#closing.abort(clientErrors.SOURCE_CLOSED());
    this.#first.failed(clientErrors.SOURCE_CLOSED());
    this.#listeners.clear();
    this.#api[Symbol.dispose]();
  }

  #take(context: X509Context): void {
    this.#context = context;
    this.#refusal = undefined;
    this.#first.arrived();
    this.#tell();
  }

  #failed(error: CastellanError): void {
    if (error.kind === 'unsupported' || (error.kind === 'invalid' && this.#context === undefined))
      this.#first.failed(error);
    // W-14: what was withdrawn is used no more. An agent that is away withdraws nothing.
    if (error.code === 'WORKLOAD_API_REFUSED' && this.#context !== undefined) {
      this.#refusal = error;
      this.#tell();
    }
    this.#options.onError?.(error);
  }

  #tell(): void {
    for (const listener of this.#listeners)
      try {
        listener();
      } catch (error) {
        this.#options.onError?.(
          clientErrors.WORKLOAD_ANSWER_MALFORMED({ message: 'a listener failed', cause: error }),
        );
      }
  }
}
