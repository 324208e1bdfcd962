import { type Duration, minutes, seconds } from '../base/duration.ts';
import { isCastellanError } from '../base/errors.ts';
import type { TrustDomain } from '../spiffe/index.ts';
import { type Certificate, type Issuer, isSignedBy } from '../x509/index.ts';
import { entryOf } from './authority-entry.ts';
import { CrlKeeper, type RevocationList, type RevokedLeaf } from './crl-keeper.ts';
import { authorityErrors } from './errors.ts';
import { filledSlots, type Journal, withPublished } from './journal.ts';
import { JournalKeeper } from './journal-keeper.ts';
import { JournaledSource } from './journaled-source.ts';
import { activeJwtSlot, type JwtAuthority, type JwtSettings, openJwtSlot } from './jwt-authority.ts';
import { issuerRenewalDueAt } from './lifetime.ts';
import { Listeners } from './listeners.ts';
import { activeSlot, openSlot } from './open-slot.ts';
import type { AuthorityPorts } from './ports.ts';
import type { RotationRules } from './rotation/model.ts';
import { nextLookAt } from './rotation/next-look.ts';
import { pruned, withOrder } from './rotation/transitions.ts';
import { type RotationEvent, Rotator } from './rotator.ts';
import type { SelfManagedSettings } from './self-managed-settings.ts';
import { makeSigningState, type SigningState } from './signing-state.ts';
import type { FilledSlot } from './slot.ts';

const firstRetry = minutes(1);
const rotation = 'rotation of keys';
const revocationLists = 'making of revocation lists';

export interface SelfManagedOptions {
  readonly trustDomain: TrustDomain;
  readonly settings: SelfManagedSettings;
  readonly jwt: JwtSettings;
  readonly rules: RotationRules;
}

/** The keys that sign now. */
interface Signing {
  readonly issuer: Issuer;
  readonly jwt: JwtAuthority;
}

/** The self-managed hierarchy while it runs: it does what the rotation machine says, and signs with what is active. */
export class SelfManagedSource extends JournaledSource {
  readonly kind = 'self-managed';
  readonly #options: SelfManagedOptions;
  readonly #keeper: JournalKeeper;
  readonly #crls: CrlKeeper;
  #signing: Signing;
  #state: SigningState;
  #timer: Disposable | undefined;
  #running: Promise<void> | undefined;
  #nextLook = 0;
  #failures = 0;
  #closed = false;

  private constructor(
    ports: AuthorityPorts,
    options: SelfManagedOptions,
    opened: { keeper: JournalKeeper; rotator: Rotator; signing: Signing; events: Listeners<RotationEvent> },
  ) {
    super({ ports, ...opened });
    this.#options = options;
    this.#keeper = opened.keeper;
    this.#signing = opened.signing;
    this.#crls = new CrlKeeper(ports, opened.keeper, options.rules.leafLifetime);
    this.#state = this.#makeState();
  }

  /** Opens what is there. Throws AUTHORITY_MISSING, AUTHORITY_KEY_MISSING, AUTHORITY_KEY_MISMATCH and the like. */
  static async open(ports: AuthorityPorts, options: SelfManagedOptions): Promise<SelfManagedSource> {
    const keeper = await JournalKeeper.open(ports.journal, options.trustDomain);
    const { settings, rules, jwt } = options;
    const rootSlot = activeSlot(keeper.current, 'root');
    if (rootSlot === undefined)
      throw authorityErrors.AUTHORITY_MISSING({ message: 'the journal names no root' });
    await openRoot({ ports, keeper, settings }, rootSlot);
    const events = new Listeners<RotationEvent>(ports.logger);
    const tell = (event: RotationEvent) => events.tell(event);
    const rotator = new Rotator({ ports, keeper, rules, jwt, hierarchy: settings, tell });
    await rotator.removeUnfinished();
    if (settings.intermediate.enabled) await rotator.makeActive('intermediate');
    await rotator.makeActive('jwt');
    await keeper.commit(withPublished(keeper.current, ports.clock.now()));
    requireSignedByRoot(keeper.current, { root: rootSlot.certificate, settings });
    const signing = await openSigning(ports, keeper.current, settings);
    const source = new SelfManagedSource(ports, options, { keeper, rotator, signing, events });
    await source.checkNow();
    return source;
  }

  current(): SigningState {
    return this.#state;
  }

  /** One check at a time: whoever asks during one waits for it. */
  checkNow(): Promise<void> {
    this.#running ??= this.alone(() => this.#check()).finally(() => {
      this.#running = undefined;
      this.#arm();
    });
    return this.#running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.[Symbol.dispose]();
    await this.idle();
  }

  revocationLists(): readonly RevocationList[] {
    return this.#crls.lists;
  }

  async setRevokedLeaves(leaves: readonly RevokedLeaf[]): Promise<void> {
    await this.operate(async () => this.#crls.setLeaves(leaves));
  }

  async #check(): Promise<void> {
    if (this.#closed) return;
    try {
      await this.rotate();
      this.#nextLook = Math.min(nextLookAt(await this.rotator.view()), this.#crls.refreshAt);
      this.#failures = 0;
      this.troubles.clear(rotation);
    } catch (error) {
      this.#failures++;
      this.troubles.raise(rotation, error);
    }
  }

  /** Signs with what the journal says is active, and tells those who listen, if anything is another than before. */
  protected async takeUp(): Promise<void> {
    const hasNewLists = await this.#makeLists();
    const { current } = this.#keeper;
    if (this.#state.journal === current && !hasNewLists) return;
    this.#signing = await openSigning(this.ports, current, this.#options.settings, this.#signing);
    const before = this.#state;
    this.#state = this.#makeState();
    if (before.issuerId !== this.#state.issuerId)
      this.ports.logger.info('another authority signs from now on', {
        authorityId: this.#state.issuerId,
        notAfter: new Date(this.#signing.issuer.certificate.notAfter).toISOString(),
      });
    this.tell({ before, after: this.#state });
  }

  /** Lists that cannot be made leave the last ones in place: an alarm, not a stop. */
  async #makeLists(): Promise<boolean> {
    try {
      const isNew = await this.#crls.update();
      this.troubles.clear(revocationLists);
      return isNew;
    } catch (error) {
      this.troubles.raise(revocationLists, error);
      return false;
    }
  }

  #makeState(): SigningState {
    const { trustDomain, settings, rules } = this.#options;
    const { current } = this.#keeper;
    const { issuer, jwt } = this.#signing;
    const renewsAt = settings.intermediate.enabled
      ? (certificate: { notBefore: number; notAfter: number }) =>
          issuerRenewalDueAt(certificate, rules.leafLifetime)
      : undefined;
    return makeSigningState({
      trustDomain,
      journal: current,
      refreshHintSeconds: Math.floor(rules.refreshHint / 1000),
      issuer,
      signsUntil: issuer.certificate.notAfter,
      middle: settings.intermediate.enabled ? [issuer.certificate] : [],
      crls: crlsToPublish(this.#crls.lists),
      jwt,
      authorities: filledSlots(current, 'self-managed').map((slot) => entryOf(slot, renewsAt)),
    });
  }

  /** Looks again when something is due, but never later than the interval: the wall clock may have been moved. */
  #arm(): void {
    this.#timer?.[Symbol.dispose]();
    if (this.#closed) return;
    const { settings } = this.#options;
    const untilDue = Math.max(this.#nextLook - this.ports.clock.now(), seconds(1));
    const wait: Duration | number =
      this.#failures === 0 ? untilDue : firstRetry * 2 ** Math.min(this.#failures - 1, 6);
    this.#timer = this.ports.clock.schedule(Math.min(settings.checkEvery, wait), () => void this.checkNow());
  }
}

/** For verifiers: nothing while no list says anything, so that a cleared list is as good as none. */
function crlsToPublish(lists: readonly RevocationList[]) {
  return lists.some(({ crl }) => crl.size > 0) ? lists.map(({ crl }) => crl) : [];
}

/** The key of the root must be there, unless an operator said, now or at an earlier start, that it is lost. */
async function openRoot(
  {
    ports,
    keeper,
    settings,
  }: { ports: AuthorityPorts; keeper: JournalKeeper; settings: SelfManagedSettings },
  slot: FilledSlot,
): Promise<void> {
  if (slot.keyDestroyed === true && settings.intermediate.enabled) return;
  try {
    await openSlot(ports, slot);
  } catch (error) {
    const isLost = isCastellanError(error, 'AUTHORITY_KEY_MISSING') && settings.rootKeyLost === true;
    if (!isLost || !settings.intermediate.enabled) throw error;
    const { current } = keeper;
    await keeper.commit({
      ...current,
      slots: pruned(current.slots, slot.name, false),
      orders: withOrder(current.orders, 'root', {
        startedAt: ports.clock.now(),
        reason: 'the key of the root is lost',
        mode: 'running',
        isPaused: false,
        leftBehind: [],
      }),
    });
  }
}

function requireSignedByRoot(
  journal: Journal,
  { root, settings }: { root: Certificate; settings: SelfManagedSettings },
): void {
  const slot = settings.intermediate.enabled ? activeSlot(journal, 'intermediate') : undefined;
  if (slot !== undefined && !isSignedBy(slot.certificate, root))
    throw authorityErrors.AUTHORITY_JOURNAL_DAMAGED({
      message: `the journal is damaged: \`${slot.name}\` was not signed by the root`,
    });
}

/** Opens the keys that are active; those that were before stay open. */
async function openSigning(
  ports: AuthorityPorts,
  journal: Journal,
  settings: SelfManagedSettings,
  before?: Signing,
): Promise<Signing> {
  const slot = activeSlot(journal, settings.intermediate.enabled ? 'intermediate' : 'root');
  const jwtSlot = activeJwtSlot(journal);
  if (slot === undefined || jwtSlot === undefined) throw authorityErrors.AUTHORITY_JOURNAL_DAMAGED();
  const isSameIssuer = before?.issuer.certificate.sha256 === slot.certificate.sha256;
  const isSameJwt = before?.jwt.key.kid === jwtSlot.jwtKey.kid;
  return {
    issuer: isSameIssuer ? before.issuer : await openSlot(ports, slot),
    jwt: isSameJwt ? before.jwt : await openJwtSlot(ports, jwtSlot),
  };
}
