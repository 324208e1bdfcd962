import { type Duration, minutes } from '../base/duration.ts';
import type { TrustDomain } from '../spiffe/index.ts';
import { type Certificate, type Issuer, isSignedBy } from '../x509/index.ts';
import { Alarms } from './alarms.ts';
import { authorityErrors } from './errors.ts';
import { filledSlots, type Journal, withoutSlot, withPublished } from './journal.ts';
import { JournalKeeper } from './journal-keeper.ts';
import { ensureJwtKey, type JwtAuthority, type JwtSettings } from './jwt-authority.ts';
import { caValidity, issuerRenewalDueAt } from './lifetime.ts';
import { Listeners } from './listeners.ts';
import type { AuthorityPorts } from './ports.ts';
import { activeSlot, addIntermediate, entryOf, openSlot, type SelfManagedSettings } from './self-managed.ts';
import {
  type Alarm,
  makeSigningState,
  type SigningSource,
  type SigningState,
  type StateChange,
} from './signing-state.ts';
import { removeUnfinished } from './unfinished.ts';

/** Old intermediates are forgotten this long after they end: the clocks of verifiers differ. */
const forgetAfter = minutes(10);
const firstRetry = minutes(1);
const renewal = 'renewal of the intermediate';

export interface SelfManagedOptions {
  readonly trustDomain: TrustDomain;
  readonly settings: SelfManagedSettings;
  readonly jwt: JwtSettings;
  readonly defaultLeafLifetime: Duration;
}

/** The self-managed hierarchy while it runs: renews its intermediate before leaves would be cut short (D4). */
export class SelfManagedSource implements SigningSource {
  readonly kind = 'self-managed';
  readonly #ports: AuthorityPorts;
  readonly #options: SelfManagedOptions;
  readonly #keeper: JournalKeeper;
  readonly #root: Issuer;
  readonly #jwt: JwtAuthority;
  readonly #alarms: Alarms;
  readonly #listeners: Listeners<StateChange>;
  #issuer: Issuer;
  #state: SigningState;
  #timer: Disposable | undefined;
  #running: Promise<void> | undefined;
  #failures = 0;
  #closed = false;

  private constructor(
    ports: AuthorityPorts,
    options: SelfManagedOptions,
    opened: { keeper: JournalKeeper; root: Issuer; issuer: Issuer; jwt: JwtAuthority },
  ) {
    this.#ports = ports;
    this.#options = options;
    this.#keeper = opened.keeper;
    this.#root = opened.root;
    this.#jwt = opened.jwt;
    this.#issuer = opened.issuer;
    this.#alarms = new Alarms(ports.clock, ports.logger);
    this.#listeners = new Listeners(ports.logger);
    this.#state = this.#makeState();
  }

  /** Opens what is there. Throws AUTHORITY_MISSING, AUTHORITY_KEY_MISSING, AUTHORITY_KEY_MISMATCH and the like. */
  static async open(ports: AuthorityPorts, options: SelfManagedOptions): Promise<SelfManagedSource> {
    const keeper = await JournalKeeper.open(ports.journal, options.trustDomain);
    const rootSlot = activeSlot(keeper.current, 'root');
    if (rootSlot === undefined)
      throw authorityErrors.AUTHORITY_MISSING({ message: 'the journal names no root' });
    const root = await openSlot(ports, rootSlot);
    await removeUnfinished(ports, keeper);
    const jwt = await ensureJwtKey(ports, keeper, options.jwt);
    await keeper.commit(withPublished(keeper.current, rootsIn(keeper.current)));
    const issuer = await openIssuer(ports, keeper, { root, settings: options.settings });
    const source = new SelfManagedSource(ports, options, { keeper, root, issuer, jwt });
    await source.checkNow();
    return source;
  }

  current(): SigningState {
    return this.#state;
  }

  alarms(): readonly Alarm[] {
    return this.#alarms.list();
  }

  onChange(listener: (change: StateChange) => void): Disposable {
    return this.#listeners.add(listener);
  }

  /** One check at a time: whoever asks during one waits for it. */
  checkNow(): Promise<void> {
    this.#running ??= this.#check().finally(() => {
      this.#running = undefined;
      this.#arm();
    });
    return this.#running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.[Symbol.dispose]();
    await this.#running;
  }

  async #check(): Promise<void> {
    if (this.#closed) return;
    try {
      await removeUnfinished(this.#ports, this.#keeper);
      if (this.#isRenewalDue()) await this.#renew();
      await this.#forgetEnded();
      this.#failures = 0;
      this.#alarms.clear(renewal);
    } catch (error) {
      this.#failures++;
      this.#alarms.raise(renewal, error);
    }
  }

  /** Due, and of use: an intermediate that ends with its root cannot be made to live longer. */
  #isRenewalDue(): boolean {
    const { settings } = this.#options;
    const now = this.#ports.clock.now();
    if (!settings.intermediate.enabled || now < this.#renewsAt(this.#issuer.certificate)) return false;
    const next = caValidity(now, settings.intermediate.lifetime, this.#root.certificate.notAfter);
    return next.notAfter > this.#issuer.certificate.notAfter;
  }

  #renewsAt(certificate: Certificate): number {
    return issuerRenewalDueAt(certificate, this.#options.defaultLeafLifetime);
  }

  async #renew(): Promise<void> {
    const { settings } = this.#options;
    this.#issuer = await addIntermediate({
      ports: this.#ports,
      keeper: this.#keeper,
      settings,
      root: this.#root,
    });
    this.#replaceState();
    this.#ports.logger.info('the intermediate was renewed', {
      authorityId: this.#state.issuerId,
      notAfter: new Date(this.#issuer.certificate.notAfter).toISOString(),
    });
  }

  async #forgetEnded(): Promise<void> {
    const endedBefore = this.#ports.clock.now() - forgetAfter;
    const ended = filledSlots(this.#keeper.current, 'self-managed').filter(
      ({ role, certificate }) =>
        role === 'intermediate' &&
        certificate !== this.#issuer.certificate &&
        certificate.notAfter < endedBefore,
    );
    for (const { name } of ended) {
      await this.#keeper.settle();
      await this.#ports.keys.remove(name);
      await this.#keeper.commit(withoutSlot(this.#keeper.current, name));
    }
    if (ended.length > 0) this.#replaceState();
  }

  #replaceState(): void {
    const before = this.#state;
    this.#state = this.#makeState();
    this.#listeners.tell({ before, after: this.#state });
  }

  #makeState(): SigningState {
    const { trustDomain, settings } = this.#options;
    const { current } = this.#keeper;
    return makeSigningState({
      trustDomain,
      issuer: this.#issuer,
      signsUntil: this.#issuer.certificate.notAfter,
      middle: settings.intermediate.enabled ? [this.#issuer.certificate] : [],
      bundle: current.bundle,
      crls: [],
      jwt: this.#jwt,
      authorities: filledSlots(current, 'self-managed').map((slot) =>
        entryOf(
          slot,
          settings.intermediate.enabled ? (certificate) => this.#renewsAt(certificate) : undefined,
        ),
      ),
    });
  }

  /** Looks again when the renewal is due, but never later than the interval: the wall clock may have been moved. */
  #arm(): void {
    this.#timer?.[Symbol.dispose]();
    if (this.#closed) return;
    const { settings } = this.#options;
    const untilDue = this.#renewsAt(this.#issuer.certificate) - this.#ports.clock.now();
    const retry =
      this.#failures === 0 ? Math.max(untilDue, 1000) : firstRetry * 2 ** Math.min(this.#failures - 1, 6);
    const inTime = untilDue <= 0 && this.#failures === 0 ? settings.checkEvery : retry;
    this.#timer = this.#ports.clock.schedule(
      Math.min(settings.checkEvery, inTime),
      () => void this.checkNow(),
    );
  }
}

/** The roots that the bundle publishes: every root slot, since what is old may still have living leaves. */
function rootsIn(journal: Journal): Certificate[] {
  return filledSlots(journal, 'self-managed')
    .filter((slot) => slot.role === 'root')
    .map((slot) => slot.certificate);
}

async function openIssuer(
  ports: AuthorityPorts,
  keeper: JournalKeeper,
  making: { root: Issuer; settings: SelfManagedSettings },
): Promise<Issuer> {
  const { root, settings } = making;
  if (!settings.intermediate.enabled) return root;
  const slot = activeSlot(keeper.current, 'intermediate');
  if (slot !== undefined && !isSignedBy(slot.certificate, root.certificate))
    throw authorityErrors.AUTHORITY_JOURNAL_DAMAGED({
      message: `the journal is damaged: \`${slot.name}\` was not signed by the root`,
    });
  if (slot !== undefined) return openSlot(ports, slot);
  return addIntermediate({ ports, keeper, settings, root });
}
