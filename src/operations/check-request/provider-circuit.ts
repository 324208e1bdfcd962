import type { Clock } from '../../base/clock.ts';
import type { AuthzRequest, CustomResult } from '../../policy/index.ts';
import type { ExtensionProvider } from '../../resources/index.ts';
import { checkErrors } from './errors.ts';
import type { CustomAuthorizer } from './ports.ts';
import type { ProviderCall } from './provider-call.ts';

/** `refused`: not asked at all, for it failed too often of late or has too much to answer already. */
export type ProviderOutcome = CustomResult['outcome'] | 'refused';

export interface ProviderCircuitOptions {
  readonly authorizer: CustomAuthorizer;
  readonly clock: Clock;
  readonly stopwatch: () => number;
  readonly onAsked?: (asked: {
    readonly provider: string;
    readonly outcome: ProviderOutcome;
    readonly durationMs: number;
  }) => void;
  /** Calls on their way to one provider; 256. */
  readonly mostInFlight?: number;
}

interface Circuit {
  inFlight: number;
  failures: number;
  /** Boot time until which nobody is asked. */
  openUntil: number;
  isProbing: boolean;
}

const failuresToOpen = 5;
const shortestOpenMs = 500;
const longestOpenMs = 30_000;
const mostCircuits = 1_024;

/**
 * Keeps a provider that is down from being waited for by every request: after some failures in a row nobody asks for
 * a while, then one request tries. What is not asked is `unavailable`, and evaluation denies (or follows `failOpen`).
 */
export class ProviderCircuit implements CustomAuthorizer {
  readonly #options: ProviderCircuitOptions;
  readonly #circuits = new Map<string, Circuit>();

  constructor(options: ProviderCircuitOptions) {
    this.#options = options;
  }

  async ask(provider: ExtensionProvider, request: AuthzRequest, call: ProviderCall): Promise<CustomResult> {
    const circuit = this.#find(provider);
    const { mostInFlight = 256 } = this.#options;
    const isOpen = circuit.openUntil > this.#options.clock.bootTime();
    const isHalfOpen = circuit.failures >= failuresToOpen;
    if (isOpen || (isHalfOpen && circuit.isProbing) || circuit.inFlight >= mostInFlight) {
      this.#tell(provider, 'refused', 0);
      throw checkErrors.CUSTOM_PROVIDER_RESTING();
    }
    return await this.#run(circuit, isHalfOpen, { provider, request, call });
  }

  async #run(
    circuit: Circuit,
    isProbe: boolean,
    asked: {
      readonly provider: ExtensionProvider;
      readonly request: AuthzRequest;
      readonly call: ProviderCall;
    },
  ): Promise<CustomResult> {
    const { authorizer, stopwatch } = this.#options;
    const { provider, request, call } = asked;
    const begin = stopwatch();
    circuit.inFlight++;
    circuit.isProbing ||= isProbe;
    try {
      const result = await authorizer.ask(provider, request, call);
      this.#note(circuit, result.outcome !== 'unavailable');
      this.#tell(provider, result.outcome, stopwatch() - begin);
      return result;
    } catch (error) {
      this.#note(circuit, false);
      this.#tell(provider, 'unavailable', stopwatch() - begin);
      throw error;
    } finally {
      circuit.inFlight--;
      if (isProbe) circuit.isProbing = false;
    }
  }

  #note(circuit: Circuit, isAnswered: boolean): void {
    if (isAnswered) {
      circuit.failures = 0;
      circuit.openUntil = 0;
      return;
    }
    circuit.failures++;
    if (circuit.failures < failuresToOpen) return;
    const doubled = shortestOpenMs * 2 ** Math.min(10, circuit.failures - failuresToOpen);
    circuit.openUntil = this.#options.clock.bootTime() + Math.min(longestOpenMs, doubled);
  }

  #tell({ name }: ExtensionProvider, outcome: ProviderOutcome, durationMs: number): void {
    this.#options.onAsked?.({ provider: name, outcome, durationMs });
  }

  /** By where it is, so that a corrected MeshConfig begins afresh. */
  #find({ name, protocol, service, port }: ExtensionProvider): Circuit {
    const key = `${name} ${protocol} ${service}:${port}`;
    let circuit = this.#circuits.get(key);
    if (circuit === undefined) {
      if (this.#circuits.size >= mostCircuits) this.#circuits.clear();
      circuit = { inFlight: 0, failures: 0, openUntil: 0, isProbing: false };
      this.#circuits.set(key, circuit);
    }
    return circuit;
  }
}
