import type { Clock } from '../../base/clock.ts';
import type { ProviderCall } from '../../operations/check-request/index.ts';
import type { AuthzRequest, CustomResult } from '../../policy/index.ts';
import type { ExtensionProvider } from '../../resources/index.ts';
import type { LookupOptions } from '../../wire/outbound/index.ts';
import { GrpcProvider } from './grpc-provider.ts';
import { HttpProvider } from './http-provider.ts';
import { type ProviderSettings, placeOf } from './place.ts';

export { customProviderErrors } from './errors.ts';
export type { ProviderSettings } from './place.ts';

export interface CustomProvidersOptions extends Omit<LookupOptions, 'privateAllowed'> {
  /** By the provider's name in MeshConfig. */
  readonly settings: ReadonlyMap<string, ProviderSettings>;
  readonly clock: Clock;
}

type Asked = HttpProvider | GrpcProvider;

/** Speaks with CUSTOM providers in the protocol that MeshConfig names for each (D17). */
export class CustomProviders implements Disposable {
  readonly #options: CustomProvidersOptions;
  readonly #open = new Map<ExtensionProvider, Asked>();

  constructor(options: CustomProvidersOptions) {
    this.#options = options;
  }

  async ask(provider: ExtensionProvider, request: AuthzRequest, call: ProviderCall): Promise<CustomResult> {
    return await this.#find(provider).ask(request, call);
  }

  /** Closes what no longer is in MeshConfig. */
  keepOnly(providers: Iterable<ExtensionProvider>): void {
    const kept = new Set(providers);
    for (const [provider, open] of this.#open)
      if (!kept.has(provider)) {
        open[Symbol.dispose]();
        this.#open.delete(provider);
      }
  }

  [Symbol.dispose](): void {
    this.keepOnly([]);
  }

  #find(provider: ExtensionProvider): Asked {
    let found = this.#open.get(provider);
    if (found === undefined) {
      const { settings, clock } = this.#options;
      const place = placeOf(provider, settings.get(provider.name), this.#options);
      found =
        provider.protocol === 'http' ? new HttpProvider(provider, place) : new GrpcProvider(place, clock);
      this.#open.set(provider, found);
    }
    return found;
  }
}
