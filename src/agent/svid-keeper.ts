import { toHex } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { asCastellanError, type CastellanError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { type Random, unitInterval } from '../base/random.ts';
import type { SpiffeId } from '../spiffe/index.ts';
import { buildCsr, type Certificate, formatCsrPem } from '../x509/index.ts';
import type { AgentAlarms } from './alarms.ts';
import { checkAnswer } from './check-answer.ts';
import type { AgentMeter, CertificateSource, KeyMaker } from './ports.ts';
import { renewalAt, retryCap, retryDelay } from './renewal-plan.ts';
import { SharedIssuers } from './shared-issuers.ts';
import { type AgentRegistration, issuerKeyIds, type NodeView } from './view.ts';
import { isSameWish, type WantedIdentity, wantedIdentities } from './wanted-identities.ts';

/** A certificate with its key, in memory only (D27). */
export interface WorkloadSvid {
  readonly spiffeId: SpiffeId;
  /** Leaf first, without roots, DER: what was read in them is not kept, for there may be thousands. */
  readonly chainDer: readonly Uint8Array[];
  /** PKCS#8 DER, not encrypted: what the Workload API hands out. */
  readonly privateKeyPkcs8: Uint8Array;
  readonly receivedAt: number;
  readonly notAfter: number;
  readonly serial: string;
  /** Subject key id of its issuer, lower hex. */
  readonly issuerKeyId: string;
  /** Of all that signed the chain. */
  readonly issuerKeyIds: readonly string[];
}

export interface SvidKeeperParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly keys: KeyMaker;
  readonly source: CertificateSource;
  readonly alarms: AgentAlarms;
  readonly meter: AgentMeter;
  /** Told after an SVID came, was exchanged or ended. */
  readonly onChange: (spiffeId: string) => void;
  /** CSRs under way at once. */
  readonly maxConcurrent?: number;
  /** Nothing is asked for until `begin`: what is registered may be known before this node can say who it is. */
  readonly isHeldBack?: boolean;
}

interface Entry {
  readonly spiffeId: SpiffeId;
  wanted: WantedIdentity;
  svid: WorkloadSvid | undefined;
  /** Wall time from which a new one is wanted. */
  dueAt: number;
  failures: number;
  isBusy: boolean;
  /** A workload waits for it. */
  isAwaited: boolean;
}

/** A wall clock that jumps is noticed after this long at most. */
const longestSleepMs = 30_000;
const firstRetryMs = 1_000;
/** While the server does not answer, nobody asks it more often than this allows. */
const holdCapMs = 10_000;

/**
 * Keeps a fresh X.509-SVID for every identity that is registered here: a new key each time, one request under way for
 * an identity, few in all, the old one in force until the new one was checked.
 */
export class SvidKeeper implements Disposable {
  readonly #parts: SvidKeeperParts;
  readonly #entries = new Map<string, Entry>();
  readonly #closing = new AbortController();
  readonly #maxConcurrent: number;
  readonly #issuers = new SharedIssuers();
  #view: NodeView | undefined;
  #mayAsk: boolean;
  #running = 0;
  #timer: Disposable | undefined;
  /** Failures of the link in a row, and the boot time before which nothing is tried. */
  #linkFailures = 0;
  #heldUntil = 0;

  constructor(parts: SvidKeeperParts) {
    this.#parts = parts;
    this.#maxConcurrent = parts.maxConcurrent ?? 8;
    this.#mayAsk = parts.isHeldBack !== true;
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#closing.abort(new Error('the agent stops'));
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The valid one, if there is one. */
  get(spiffeId: string): WorkloadSvid | undefined {
    const svid = this.#entries.get(spiffeId)?.svid;
    return svid !== undefined && this.#parts.clock.now() < svid.notAfter ? svid : undefined;
  }

  held(): readonly WorkloadSvid[] {
    return [...this.#entries.values()].flatMap(({ svid }) => (svid === undefined ? [] : [svid]));
  }

  /** Follows what is registered, and replaces at once what was signed by a tainted authority or is denied. */
  follow(view: NodeView, registrations: readonly AgentRegistration[]): void {
    // An answer that ended in an unknown root may be acceptable now.
    if (this.#view?.bundles !== view.bundles)
      for (const entry of this.#entries.values()) if (entry.failures > 0) entry.dueAt = 0;
    this.#view = view;
    const wanted = wantedIdentities(registrations);
    for (const [uri, entry] of this.#entries) if (!wanted.has(uri)) this.#forget(uri, entry);
    const now = this.#parts.clock.now();
    for (const [uri, one] of wanted) {
      const entry = this.#entries.get(uri);
      if (entry === undefined) this.#entries.set(uri, newEntry(one, now));
      else if (!isSameWish(entry.wanted, one)) Object.assign(entry, { wanted: one, dueAt: now, failures: 0 });
    }
    this.#replaceTainted(view, now);
    this.#sweep();
  }

  /** From now on the server may be asked. */
  begin(): void {
    this.#mayAsk = true;
    this.#sweep();
  }

  /** A workload waits for this one: it goes before those that are only kept warm. */
  await(spiffeId: string): void {
    const entry = this.#entries.get(spiffeId);
    if (entry === undefined || entry.isAwaited || entry.svid !== undefined) return;
    entry.isAwaited = true;
    this.#sweep();
  }

  /** The server is back: whoever waited for it tries again now, spread over a moment. */
  linkIsUp(): void {
    const { clock, random } = this.#parts;
    this.#linkFailures = 0;
    this.#heldUntil = 0;
    const now = clock.now();
    for (const entry of this.#entries.values())
      if (entry.failures > 0 && !entry.isBusy) {
        const spread = entry.svid === undefined ? 0 : 2_000 * unitInterval(random);
        entry.dueAt = Math.min(entry.dueAt, now + spread);
      }
    this.#sweep();
  }

  #forget(uri: string, entry: Entry): void {
    this.#entries.delete(uri);
    this.#parts.alarms.lower('answer_refused', uri);
    this.#parts.alarms.lower('renewal_failing', uri);
    if (entry.svid !== undefined) this.#parts.onChange(uri);
  }

  #replaceTainted({ revocations }: NodeView, now: number): void {
    const { taintedKeyIds, revokedKeyIds, deniedSerials } = revocations;
    if (taintedKeyIds.size + revokedKeyIds.size + deniedSerials.size === 0) return;
    for (const entry of this.#entries.values()) {
      const { svid } = entry;
      if (svid === undefined || entry.dueAt <= now) continue;
      const isBad =
        deniedSerials.has(svid.serial) ||
        svid.issuerKeyIds.some((keyId) => taintedKeyIds.has(keyId) || revokedKeyIds.has(keyId));
      if (isBad) entry.dueAt = now;
    }
  }

  /** Starts what is due, as far as the bounds allow, and sleeps until the next. */
  #sweep(): void {
    if (this.#closing.signal.aborted || !this.#mayAsk) return;
    const { clock } = this.#parts;
    const now = clock.now();
    const due: Entry[] = [];
    let next = now + longestSleepMs;
    for (const [uri, entry] of this.#entries) {
      if (entry.svid !== undefined && now >= entry.svid.notAfter) this.#end(uri, entry);
      else if (entry.svid !== undefined) next = Math.min(next, entry.svid.notAfter);
      if (entry.isBusy) continue;
      if (entry.dueAt <= now) due.push(entry);
      else next = Math.min(next, entry.dueAt);
    }
    const held = this.#heldUntil - clock.bootTime();
    if (held <= 0) {
      due.sort(byUrgency);
      // While the link fails, one request finds out whether it still does.
      const room = this.#linkFailures > 0 ? 1 : this.#maxConcurrent;
      for (const entry of due.slice(0, Math.max(0, room - this.#running))) this.#start(entry);
    } else if (due.length > 0) next = Math.min(next, now + held);
    this.#timer?.[Symbol.dispose]();
    this.#timer = clock.schedule(Math.max(1, next - now), () => this.#sweep());
  }

  #end(uri: string, entry: Entry): void {
    entry.svid = undefined;
    this.#parts.logger.error('a certificate ended before it could be renewed', { spiffeId: uri });
    this.#parts.onChange(uri);
  }

  #start(entry: Entry): void {
    entry.isBusy = true;
    this.#running++;
    this.#renew(entry)
      .catch((error: unknown) => this.#failed(entry, asCastellanError(error)))
      .finally(() => {
        entry.isBusy = false;
        this.#running--;
        this.#sweep();
      });
  }

  async #renew(entry: Entry): Promise<void> {
    const { clock, keys, source } = this.#parts;
    const { spiffeId, wanted } = entry;
    const { ttlSeconds, dnsNames } = wanted;
    const key = await keys.make();
    const csrPem = formatCsrPem(await buildCsr(key.signer, dnsNames));
    const chainPem = await source.issue({ spiffeId, csrPem, ttlSeconds }, this.#closing.signal);
    this.#linkFailures = 0;
    const now = clock.now();
    const view = this.#view;
    if (view === undefined || this.#entries.get(spiffeId.uri) !== entry) return;
    const verdict = checkAnswer(chainPem, {
      spiffeId,
      dnsNames,
      publicKey: key.signer.publicKey,
      bundles: view.bundles,
      revokedKeyIds: view.revocations.revokedKeyIds,
      now,
    });
    if (!verdict.ok) this.#refuse(entry, `${verdict.fault}: ${verdict.detail}`);
    else this.#install(entry, verdict, key.privateKeyPkcs8);
    // What is wanted changed while this one was on its way.
    if (entry.wanted !== wanted) entry.dueAt = 0;
  }

  #install(
    entry: Entry,
    { chain, notAfter }: { chain: readonly Certificate[]; notAfter: number },
    key: Uint8Array,
  ): void {
    const { clock, random, meter, alarms, logger, onChange } = this.#parts;
    const { uri } = entry.spiffeId;
    const receivedAt = clock.now();
    const [leaf] = chain as [Certificate];
    entry.svid = Object.freeze({
      spiffeId: entry.spiffeId,
      chainDer: this.#issuers.share(chain),
      issuerKeyIds: issuerKeyIds(chain),
      privateKeyPkcs8: key,
      receivedAt,
      notAfter,
      serial: leaf.serial,
      issuerKeyId: leaf.authorityKeyId === undefined ? '' : toHex(leaf.authorityKeyId),
    });
    const missing = entry.wanted.dnsNames.filter((name) => !leaf.san?.dnsNames.includes(name));
    if (missing.length > 0)
      logger.warn('a certificate came without some DNS names', { spiffeId: uri, missing });
    entry.dueAt = renewalAt({ receivedAt, notAfter }, unitInterval(random));
    entry.failures = 0;
    entry.isAwaited = false;
    meter.renewal('installed');
    alarms.lower('answer_refused', uri);
    alarms.lower('renewal_failing', uri);
    onChange(uri);
  }

  /** What came is not what was asked for: the old one stays, and the operator is told why. */
  #refuse(entry: Entry, why: string): void {
    this.#parts.meter.renewal('refused');
    this.#parts.alarms.raise('answer_refused', entry.spiffeId.uri, why);
    this.#backOff(entry, undefined);
  }

  #failed(entry: Entry, error: CastellanError): void {
    if (this.#closing.signal.aborted) return;
    const { clock, random, meter, alarms, logger } = this.#parts;
    meter.renewal('failed');
    const { uri } = entry.spiffeId;
    logger.warn('a certificate could not be had', { spiffeId: uri, code: error.code, detail: error.message });
    if (isOfLink(error)) {
      this.#linkFailures++;
      const wait = retryDelay({
        failures: this.#linkFailures,
        unit: unitInterval(random),
        baseMs: 250,
        capMs: holdCapMs,
        retryAfterSeconds: error.retryAfterSeconds,
      });
      this.#heldUntil = clock.bootTime() + wait;
    } else alarms.raise('renewal_failing', uri, `${error.code}: ${error.message}`);
    this.#backOff(entry, error.retryAfterSeconds);
  }

  #backOff(entry: Entry, retryAfterSeconds: number | undefined): void {
    const { clock, random } = this.#parts;
    const now = clock.now();
    entry.failures++;
    const left = entry.svid === undefined ? Number.POSITIVE_INFINITY : entry.svid.notAfter - now;
    const wait = retryDelay({
      failures: entry.failures,
      unit: unitInterval(random),
      baseMs: firstRetryMs,
      capMs: retryCap(left),
      retryAfterSeconds,
    });
    entry.dueAt = now + wait;
  }
}

function newEntry(wanted: WantedIdentity, now: number): Entry {
  const { spiffeId } = wanted;
  return { spiffeId, wanted, svid: undefined, dueAt: now, failures: 0, isBusy: false, isAwaited: false };
}

/** Awaited ones first, then those without one, then by what ends soonest. */
function byUrgency(a: Entry, b: Entry): number {
  const rank = (entry: Entry) => (entry.isAwaited ? 0 : entry.svid === undefined ? 1 : 2);
  return rank(a) - rank(b) || (a.svid?.notAfter ?? 0) - (b.svid?.notAfter ?? 0);
}

/** Trouble that every request would meet now, not only this one. */
function isOfLink({ kind }: CastellanError): boolean {
  return kind === 'unavailable' || kind === 'timeout' || kind === 'exhausted' || kind === 'cancelled';
}
