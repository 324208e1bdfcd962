import { minutes } from '../base/duration.ts';
import type { TrustDomain } from '../spiffe/index.ts';
import { Alarms } from './alarms.ts';
import { authorityErrors } from './errors.ts';
import {
  compareRoots,
  filledSlots,
  type Journal,
  withActivated,
  withNewSlot,
  withoutSlot,
  withPublished,
} from './journal.ts';
import { JournalKeeper } from './journal-keeper.ts';
import { ensureJwtKey, type JwtAuthority, type JwtSettings } from './jwt-authority.ts';
import { Listeners } from './listeners.ts';
import { type PluggedMaterial, parsePluggedMaterial } from './plugged-material.ts';
import type { AuthorityPorts, PluggedFilesSource } from './ports.ts';
import {
  type Alarm,
  type AuthorityEntry,
  makeSigningState,
  type SigningSource,
  type SigningState,
  type StateChange,
} from './signing-state.ts';
import { removeUnfinished } from './unfinished.ts';

const forgetAfter = minutes(10);
const reading = 'reading the plugged-in CA';

export interface PluggedOptions {
  readonly trustDomain: TrustDomain;
  readonly files: PluggedFilesSource;
  readonly jwt: JwtSettings;
}

/** Plugged-in material while it runs: a good change is taken up, a bad one leaves the last good in place (R3). */
export class PluggedSource implements SigningSource {
  readonly kind = 'plugged';
  readonly #ports: AuthorityPorts;
  readonly #options: PluggedOptions;
  readonly #keeper: JournalKeeper;
  readonly #alarms: Alarms;
  readonly #listeners: Listeners<StateChange>;
  readonly #watch: Disposable;
  readonly #jwt: JwtAuthority;
  #material: PluggedMaterial;
  #state: SigningState;
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;

  private constructor(
    ports: AuthorityPorts,
    options: PluggedOptions,
    opened: { keeper: JournalKeeper; material: PluggedMaterial; jwt: JwtAuthority },
  ) {
    this.#ports = ports;
    this.#options = options;
    this.#keeper = opened.keeper;
    this.#material = opened.material;
    this.#jwt = opened.jwt;
    this.#alarms = new Alarms(ports.clock, ports.logger);
    this.#listeners = new Listeners(ports.logger);
    this.#state = this.#makeState();
    this.#watch = options.files.watch(() => void this.checkNow());
  }

  /** Throws what is wrong with the material: at the start nothing stands in for it (P1 … P3). */
  static async open(ports: AuthorityPorts, options: PluggedOptions): Promise<PluggedSource> {
    const keeper = await JournalKeeper.open(ports.journal, options.trustDomain);
    const material = parsePluggedMaterial(await options.files.read(), ports.clock.now());
    for (const warning of material.warnings) ports.logger.warn(warning);
    const before = keeper.current.bundle;
    if (before.sequence > 0n && compareRoots(before.roots, material.roots) === 'swapped')
      ports.logger.warn(
        'the roots were swapped while the server was down: leaves under the old ones are refused now',
        {
          sequence: (before.sequence + 1n).toString(),
        },
      );
    await removeUnfinished(ports, keeper);
    const jwt = await ensureJwtKey(ports, keeper, options.jwt);
    await keeper.commit(withMaterial(keeper.current, material, ports.clock.now()));
    return new PluggedSource(ports, options, { keeper, material, jwt });
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

  /** Reads the directory again. A change during a reading is read after it; who asks waits for both. */
  checkNow(): Promise<void> {
    if (this.#running !== undefined) this.#again = true;
    this.#running ??= this.#readUntilCurrent().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watch[Symbol.dispose]();
    await this.#running;
  }

  async #readUntilCurrent(): Promise<void> {
    do {
      this.#again = false;
      await this.#readOnce();
    } while (this.#again && !this.#closed);
  }

  async #readOnce(): Promise<void> {
    if (this.#closed) return;
    try {
      const now = this.#ports.clock.now();
      const material = parsePluggedMaterial(await this.#options.files.read(), now);
      if (!isSameMaterial(material, this.#material)) await this.#take(material, now);
      this.#alarms.clear(reading);
    } catch (error) {
      this.#alarms.raise(reading, error);
    }
  }

  async #take(material: PluggedMaterial, now: number): Promise<void> {
    if (compareRoots(this.#material.roots, material.roots) === 'swapped')
      throw authorityErrors.CACERTS_ROOTS_SWAPPED();
    await this.#keeper.commit(withMaterial(this.#keeper.current, material, now));
    for (const warning of material.warnings) this.#ports.logger.warn(warning);
    this.#material = material;
    const before = this.#state;
    this.#state = this.#makeState();
    this.#ports.logger.info('changed CA material was taken up', {
      authorityId: this.#state.issuerId,
      sequence: this.#state.bundle.sequence.toString(),
    });
    this.#listeners.tell({ before, after: this.#state });
  }

  #makeState(): SigningState {
    const { issuer, signsUntil, chain, crls, roots } = this.#material;
    const { current } = this.#keeper;
    return makeSigningState({
      trustDomain: this.#options.trustDomain,
      issuer,
      signsUntil,
      middle: chain,
      // The file's own order; the journal keeps the set.
      bundle: { ...current.bundle, roots },
      crls,
      jwt: this.#jwt,
      authorities: entriesOf(this.#material, current),
    });
  }
}

/** The journal with the material's roots published and its signer active; earlier signers stay known until they end. */
function withMaterial(journal: Journal, material: PluggedMaterial, now: number): Journal {
  let next = withPublished(journal, material.roots);
  for (const slot of filledSlots(next, 'plugged'))
    if (slot.state === 'old' && slot.certificate.notAfter < now - forgetAfter)
      next = withoutSlot(next, slot.name);
  const { certificate } = material.issuer;
  const known = filledSlots(next, 'plugged').find((slot) => slot.certificate.sha256 === certificate.sha256);
  if (known?.state === 'active') return next;
  if (known !== undefined) return withActivated(next, known.name, certificate);
  const added = withNewSlot(next, 'intermediate', 'plugged');
  return withActivated(added.journal, added.slot.name, certificate);
}

function entriesOf(material: PluggedMaterial, journal: Journal): AuthorityEntry[] {
  const signer = material.issuer.certificate;
  const entries = new Map<string, AuthorityEntry>();
  for (const certificate of material.roots)
    entries.set(certificate.sha256, { role: 'root', state: 'active', certificate });
  for (const certificate of [signer, ...material.chain])
    if (!entries.has(certificate.sha256))
      entries.set(certificate.sha256, { role: 'intermediate', state: 'active', certificate });
  for (const { certificate, role } of filledSlots(journal, 'plugged'))
    if (!entries.has(certificate.sha256))
      entries.set(certificate.sha256, { role, state: 'old', certificate });
  return [...entries.values()];
}

function isSameMaterial(a: PluggedMaterial, b: PluggedMaterial): boolean {
  return fingerprint(a) === fingerprint(b);
}

/** The key is not part of it: it belongs to the certificate, which is. */
function fingerprint({ issuer, chain, roots, crls }: PluggedMaterial): string {
  const hashes = (all: readonly { readonly sha256: string }[]) => all.map(({ sha256 }) => sha256).join(',');
  return [issuer.certificate.sha256, hashes(chain), hashes(roots), hashes(crls)].join('/');
}
