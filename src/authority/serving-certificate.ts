import type { Clock } from '../base/clock.ts';
import { type Duration, hours, minutes } from '../base/duration.ts';
import type { Logger } from '../base/logger.ts';
import { serverId } from '../spiffe/index.ts';
import { parseCertificatesPem, validatePath } from '../x509/index.ts';
import { Alarms } from './alarms.ts';
import type { Authority, Issuance } from './authority.ts';
import { authorityErrors } from './errors.ts';
import { halfLifeAt } from './lifetime.ts';
import { Listeners } from './listeners.ts';
import type { EphemeralKeys } from './ports.ts';
import type { Alarm } from './signing-state.ts';

/** Key and certificate for our own TLS listeners, as `tls.createSecureContext` takes them. */
export interface ServingMaterial {
  readonly privateKeyPem: string;
  /** Leaf and the certificates between, without roots. */
  readonly chainPem: string;
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Our own certificate, always a current one: renewed at half of its life and whenever the issuer changes. */
export interface ServingCertificate extends AsyncDisposable {
  current(): ServingMaterial;
  onChange(listener: (material: ServingMaterial) => void): Disposable;
  alarms(): readonly Alarm[];
}

export interface ServingOptions {
  readonly authority: Authority;
  readonly keys: EphemeralKeys;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly dnsNames: readonly string[];
  readonly ips: readonly string[];
  /** The default lifetime of leaves when not said. */
  readonly lifetime?: Duration;
  /** Puts the issuance on durable record; the certificate is used only after it resolves (G1). */
  readonly record?: (issuance: Issuance) => Promise<void>;
}

/** What clients of Istio look for, and what a developer types. */
export const defaultServingNames = {
  dnsNames: ['localhost', 'istiod.istio-system.svc', 'istiod.istio-system', 'istiod'],
  ips: ['127.0.0.1', '::1'],
} as const;

const topic = 'renewal of the serving certificate';
const retryAfter = minutes(1);
const longestWait = hours(1);

/** Issues the first certificate; throws what `issueForKey` throws when that fails. */
export async function openServingCertificate(options: ServingOptions): Promise<ServingCertificate> {
  return new RenewingCertificate(options, await make(options));
}

class RenewingCertificate implements ServingCertificate {
  readonly #options: ServingOptions;
  readonly #listeners: Listeners<ServingMaterial>;
  readonly #alarms: Alarms;
  readonly #subscriptions: readonly Disposable[];
  #current: ServingMaterial;
  #timer: Disposable | undefined;
  #running: Promise<void> | undefined;
  #stale = false;
  #closed = false;

  constructor(options: ServingOptions, first: ServingMaterial) {
    this.#options = options;
    this.#current = first;
    this.#listeners = new Listeners(options.logger);
    this.#alarms = new Alarms(options.clock, options.logger);
    const renewAtOnce = () => {
      this.#stale = true;
      void this.#look();
    };
    const { authority } = options;
    this.#subscriptions = [authority.onIssuerChange(renewAtOnce), authority.onBundleChange(renewAtOnce)];
    this.#arm();
  }

  current(): ServingMaterial {
    return this.#current;
  }

  onChange(listener: (material: ServingMaterial) => void): Disposable {
    return this.#listeners.add(listener);
  }

  alarms(): readonly Alarm[] {
    return this.#alarms.list();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#timer?.[Symbol.dispose]();
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]();
    await this.#running;
  }

  #look(): Promise<void> {
    this.#running ??= this.#renewWhileDue().finally(() => {
      this.#running = undefined;
      this.#arm();
    });
    return this.#running;
  }

  async #renewWhileDue(): Promise<void> {
    while (!this.#closed && (this.#stale || this.#options.clock.now() >= halfLifeAt(this.#current))) {
      this.#stale = false;
      try {
        this.#current = await make(this.#options);
        this.#alarms.clear(topic);
        this.#listeners.tell(this.#current);
      } catch (error) {
        this.#stale = true;
        this.#alarms.raise(topic, error);
        return;
      }
      if (halfLifeAt(this.#current) <= this.#options.clock.now()) return;
    }
  }

  /** Never waits longer than an hour: the wall clock may have been moved. */
  #arm(): void {
    this.#timer?.[Symbol.dispose]();
    if (this.#closed) return;
    const untilDue = halfLifeAt(this.#current) - this.#options.clock.now();
    const wait = this.#stale ? retryAfter : Math.min(Math.max(untilDue, 1000), longestWait);
    this.#timer = this.#options.clock.schedule(wait, () => void this.#look());
  }
}

async function make(options: ServingOptions): Promise<ServingMaterial> {
  const { authority, keys, dnsNames, ips, lifetime, record } = options;
  const { signer, privateKeyPem } = await keys.generate('P-256');
  const issuance = await authority.issueForKey({
    publicKey: signer.publicKey,
    spiffeId: serverId(authority.trustDomain),
    requestedTtlSeconds: lifetime === undefined ? 0 : Math.ceil(lifetime / 1000),
    dnsNames,
    ips,
  });
  requireTrusted(issuance, authority, options.clock.now());
  await record?.(issuance);
  const { serial, notBefore, notAfter, chainPem } = issuance;
  return { privateKeyPem, chainPem: chainPem.slice(0, -1).join(''), serial, notBefore, notAfter };
}

/** What peers would refuse is not served: a plugged-in CA may, say, be constrained to other names. */
function requireTrusted({ chainPem }: Issuance, authority: Authority, now: number): void {
  const chain = chainPem.slice(0, -1).flatMap((pem) => parseCertificatesPem(pem));
  const checked = validatePath(
    chain.map(({ der }) => der),
    { now, purpose: 'server', rootsFor: () => authority.roots(), crls: authority.crls() },
  );
  if (!checked.ok)
    throw authorityErrors.CERT_GEN_ERROR({
      message: `the serving certificate would not be trusted by peers: ${checked.detail}`,
      details: { reason: checked.reason },
    });
}
