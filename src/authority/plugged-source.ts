import { hours, minutes, seconds } from '../base/duration.ts';
import type { TrustDomain } from '../spiffe/index.ts';
import type { Certificate } from '../x509/index.ts';
import type { AuthorityEntry } from './authority-entry.ts';
import type { RevocationList } from './crl-keeper.ts';
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
import { JournaledSource } from './journaled-source.ts';
import { activeJwtSlot, type JwtAuthority, type JwtSettings, openJwtSlot } from './jwt-authority.ts';
import { Listeners } from './listeners.ts';
import { type PluggedMaterial, parsePluggedMaterial } from './plugged-material.ts';
import type { AuthorityPorts, PluggedFilesSource } from './ports.ts';
import type { RotationRules } from './rotation/model.ts';
import { nextLookAt } from './rotation/next-look.ts';
import { type RotationEvent, Rotator } from './rotator.ts';
import { makeSigningState, type SigningState } from './signing-state.ts';
import { authorityId } from './slot.ts';

const forgetAfter = minutes(10);
/** How often to look whether a JWT key is due, at the latest. */
const lookEvery = hours(1);
const reading = 'reading the plugged-in CA';
const rotation = 'rotation of keys';

export interface PluggedOptions {
  readonly trustDomain: TrustDomain;
  readonly files: PluggedFilesSource;
  readonly jwt: JwtSettings;
  readonly rules: RotationRules;
}

/** The material in force: the rotator publishes its roots. */
interface Held {
  material: PluggedMaterial;
}

interface Opened {
  readonly keeper: JournalKeeper;
  readonly held: Held;
  readonly jwt: JwtAuthority;
  readonly rotator: Rotator;
  readonly events: Listeners<RotationEvent>;
}

/** Plugged-in material while it runs: a good change is taken up, a bad one leaves the last good in place (R3). */
export class PluggedSource extends JournaledSource {
  readonly kind = 'plugged';
  readonly #options: PluggedOptions;
  readonly #keeper: JournalKeeper;
  readonly #watch: Disposable;
  #timer: Disposable | undefined;
  #nextLook = 0;
  #jwt: JwtAuthority;
  readonly #held: Held;
  #state: SigningState;
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;

  private constructor(ports: AuthorityPorts, options: PluggedOptions, opened: Opened) {
    super({ ports, ...opened });
    this.#options = options;
    this.#keeper = opened.keeper;
    this.#held = opened.held;
    this.#jwt = opened.jwt;
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
    const held: Held = { material };
    const { rules, jwt } = options;
    const events = new Listeners<RotationEvent>(ports.logger);
    const rotator = new Rotator({
      ports,
      keeper,
      rules,
      jwt,
      foreignRoots: () => held.material.roots,
      tell: (event) => events.tell(event),
    });
    await rotator.removeUnfinished();
    await rotator.makeActive('jwt');
    await keeper.commit(withMaterial(keeper.current, material, ports.clock.now()));
    const opened = { keeper, held, rotator, events, jwt: await openActiveJwt(ports, keeper.current) };
    const source = new PluggedSource(ports, options, opened);
    await source.checkNow();
    return source;
  }

  current(): SigningState {
    return this.#state;
  }

  /** Reads the directory again. A change during a reading is read after it; who asks waits for both. */
  checkNow(): Promise<void> {
    if (this.#running !== undefined) this.#again = true;
    this.#running ??= this.alone(() => this.#readUntilCurrent()).finally(() => {
      this.#running = undefined;
      this.#arm();
    });
    return this.#running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watch[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
    await this.idle();
  }

  /** The lists are the operator's: who plugs in a CA revokes with it. Our own deny list works all the same. */
  revocationLists(): readonly RevocationList[] {
    const { authorities, crls } = this.#state;
    return crls.flatMap((crl) => {
      const issuer = authorities.find(({ certificate }) => crl.isIssuedBy(certificate));
      return issuer === undefined ? [] : [{ issuerId: authorityId(issuer.certificate), crl }];
    });
  }

  async setRevokedLeaves(): Promise<void> {}

  #arm(): void {
    this.#timer?.[Symbol.dispose]();
    if (this.#closed) return;
    const wait = Math.max(this.#nextLook - this.ports.clock.now(), seconds(1));
    this.#timer = this.ports.clock.schedule(Math.min(lookEvery, wait), () => void this.checkNow());
  }

  async #rotateKeys(): Promise<void> {
    try {
      await this.rotate();
      this.#nextLook = nextLookAt(await this.rotator.view());
      this.troubles.clear(rotation);
    } catch (error) {
      this.#nextLook = this.ports.clock.now() + minutes(1);
      this.troubles.raise(rotation, error);
    }
  }

  protected async takeUp(): Promise<void> {
    const { current } = this.#keeper;
    if (this.#state.journal === current) return;
    this.#jwt = await openActiveJwt(this.ports, current, this.#jwt);
    const before = this.#state;
    this.#state = this.#makeState();
    this.tell({ before, after: this.#state });
  }

  async #readUntilCurrent(): Promise<void> {
    do {
      this.#again = false;
      await this.#readOnce();
      await this.#rotateKeys();
    } while (this.#again && !this.#closed);
  }

  async #readOnce(): Promise<void> {
    if (this.#closed) return;
    try {
      const now = this.ports.clock.now();
      const material = parsePluggedMaterial(await this.#options.files.read(), now);
      if (!isSameMaterial(material, this.#held.material)) await this.#take(material, now);
      this.troubles.clear(reading);
    } catch (error) {
      this.troubles.raise(reading, error);
    }
  }

  async #take(material: PluggedMaterial, now: number): Promise<void> {
    if (compareRoots(this.#held.material.roots, material.roots) === 'swapped')
      throw authorityErrors.CACERTS_ROOTS_SWAPPED();
    const skipped = skippedStep(this.#held.material, material);
    await this.#keeper.commit(withMaterial(this.#keeper.current, material, now));
    for (const warning of material.warnings) this.ports.logger.warn(warning);
    if (skipped !== undefined) this.ports.logger.warn(skipped, { next: 'castellan rotate stage' });
    this.#held.material = material;
    const before = this.#state;
    this.#state = this.#makeState();
    this.ports.logger.info('changed CA material was taken up', {
      authorityId: this.#state.issuerId,
      sequence: this.#state.bundle.sequence.toString(),
    });
    this.tell({ before, after: this.#state });
  }

  #makeState(): SigningState {
    const { issuer, signsUntil, chain, crls, roots } = this.#held.material;
    const { current } = this.#keeper;
    return makeSigningState({
      trustDomain: this.#options.trustDomain,
      issuer,
      signsUntil,
      middle: chain,
      // The file's own order; the journal keeps the set.
      roots,
      journal: current,
      refreshHintSeconds: Math.floor(this.#options.rules.refreshHint / 1000),
      crls,
      jwt: this.#jwt,
      authorities: entriesOf(this.#held.material, current),
    });
  }
}

/** The journal with the material's roots published and its signer active; earlier signers stay known until they end. */
function withMaterial(journal: Journal, material: PluggedMaterial, now: number): Journal {
  let next = withPublished(journal, now, material.roots);
  for (const slot of filledSlots(next, 'plugged'))
    if (slot.state === 'old' && slot.certificate.notAfter < now - forgetAfter)
      next = withoutSlot(next, slot.name);
  const { certificate } = material.issuer;
  const known = filledSlots(next, 'plugged').find((slot) => slot.certificate.sha256 === certificate.sha256);
  if (known?.state === 'active') return next;
  if (known !== undefined) return withActivated(next, known.name, { filling: certificate, at: now });
  const added = withNewSlot(next, 'intermediate', 'plugged');
  return withActivated(added.journal, added.slot.name, { filling: certificate, at: now });
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

async function openActiveJwt(
  ports: AuthorityPorts,
  journal: Journal,
  before?: JwtAuthority,
): Promise<JwtAuthority> {
  const slot = activeJwtSlot(journal);
  if (slot === undefined) throw authorityErrors.AUTHORITY_JOURNAL_DAMAGED();
  return before?.key.kid === slot.jwtKey.kid ? before : openJwtSlot(ports, slot);
}

/**
 * R3 is about roots alone: A, then A and B, then B. What signs has a step of its own between them, and peers notice when
 * it is taken together with another.
 */
function skippedStep(held: PluggedMaterial, material: PluggedMaterial): string | undefined {
  const has = (roots: readonly Certificate[], { sha256 }: Certificate) =>
    roots.some((root) => root.sha256 === sha256);
  if (!has(held.roots, material.root))
    return 'a step was skipped: what signs now stands below a root that peers are given only now, and some do not hold it yet';
  if (!has(material.roots, held.root))
    return 'a step was skipped: the root of what signed until now is gone with its signer, and its leaves are refused from now on';
  return undefined;
}
