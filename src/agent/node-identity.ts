import type { Clock } from '../base/clock.ts';
import { asCastellanError, type CastellanError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { type Random, unitInterval } from '../base/random.ts';
import { isReservedId, SpiffeId } from '../spiffe/index.ts';
import { buildCsr, type Certificate, type PublicKey, parseCertificate, validatePath } from '../x509/index.ts';
import type { AgentAlarms } from './alarms.ts';
import { agentErrors } from './errors.ts';
import type { KeyMaker, NewKey, NodeAttestation, NodeIdentity, NodeStore, ServerLink } from './ports.ts';
import { renewalAt, retryDelay } from './renewal-plan.ts';

export interface NodeIdentityParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly keys: KeyMaker;
  readonly link: Pick<ServerLink, 'renewNode' | 'useIdentity'>;
  readonly store: Pick<NodeStore, 'loadIdentity' | 'saveIdentity'>;
  readonly alarms: AgentAlarms;
  /** Undefined: this node can only go on with what is on disk. */
  readonly attestation: NodeAttestation | undefined;
  /** The roots to believe the server by, as they are now. */
  readonly roots: () => readonly Certificate[];
  /** What attestation brought: the bundle of the first hour. */
  readonly onRoots: (rootsDer: readonly Uint8Array[]) => void;
  /** A new certificate is in force. */
  readonly onRenewed: () => void;
}

const firstRetryMs = 1_000;
const retryCapMs = 60_000;
const longestSleepMs = 60_000;
const skewMs = 120_000;

/** The node's own certificate: got by attestation once, renewed by itself, kept over restarts. */
export class NodeIdentityKeeper implements Disposable {
  readonly #parts: NodeIdentityParts;
  readonly #closing = new AbortController();
  #identity: NodeIdentity | undefined;
  #dueAt = 0;
  #notAfter = 0;
  #failures = 0;
  #isBusy = false;
  #timer: Disposable | undefined;

  constructor(parts: NodeIdentityParts) {
    this.#parts = parts;
  }

  get identity(): NodeIdentity | undefined {
    return this.#identity;
  }

  get notAfter(): number {
    return this.#notAfter;
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#closing.abort(new Error('the agent stops'));
  }

  /** What is on disk, if it still counts. Attests only when it must. Throws what attestation ends in. */
  async open(): Promise<void> {
    const { store, clock, logger } = this.#parts;
    const kept = await store.loadIdentity();
    const notAfter = kept === undefined ? 0 : endOf(kept);
    if (kept !== undefined && notAfter > clock.now()) {
      this.#use(kept, notAfter, clock.now());
      return;
    }
    if (kept !== undefined) logger.warn('the certificate of this node has ended; it attests anew');
    await this.#attest();
  }

  /** The server no longer admits this node: prove again who it is, where that can be repeated. */
  notAdmitted(error: CastellanError): void {
    const { alarms, attestation } = this.#parts;
    const isRepeatable = attestation?.isRepeatable === true;
    const next = isRepeatable ? 'it attests again' : agentErrors.NODE_NOT_ADMITTED().next;
    alarms.raise('not_admitted', 'server', `${error.code}: ${error.publicMessage}; ${next}`);
    if (!isRepeatable || this.#isBusy) return;
    this.#dueAt = 0;
    this.#work(() => this.#attest());
  }

  async #attest(): Promise<void> {
    const { attestation, keys, onRoots, roots, clock } = this.#parts;
    if (attestation === undefined) throw agentErrors.NODE_EVIDENCE_MISSING();
    const key = await keys.make();
    const answer = await attestation.attest(await buildCsr(key.signer), this.#closing.signal);
    const trusted = roots();
    const id = checkNodeChain(answer.chainDer, {
      agentId: answer.agentId,
      publicKey: key.signer.publicKey,
      roots: trusted.length > 0 ? trusted : answer.bundle.rootsDer.map(parseCertificate),
      now: clock.now(),
    });
    onRoots(answer.bundle.rootsDer);
    await this.#install({ agentId: id.uri, chainDer: answer.chainDer, privateKeyPkcs8: key.privateKeyPkcs8 });
  }

  async #renew(): Promise<void> {
    const { keys, link, roots, clock } = this.#parts;
    const agentId = this.#identity?.agentId ?? '';
    const key: NewKey = await keys.make();
    const chainDer = await link.renewNode(await buildCsr(key.signer), this.#closing.signal);
    const { publicKey } = key.signer;
    checkNodeChain(chainDer, { agentId, publicKey, roots: roots(), now: clock.now() });
    await this.#install({ agentId, chainDer, privateKeyPkcs8: key.privateKeyPkcs8 });
  }

  /** In force at once; on disk as soon as it can be. */
  async #install(identity: NodeIdentity): Promise<void> {
    const { store, alarms, clock, onRenewed, logger } = this.#parts;
    const isFirst = this.#identity === undefined;
    this.#failures = 0;
    try {
      await store.saveIdentity(identity);
      alarms.lower('disk', 'node identity');
    } catch (error) {
      alarms.raise(
        'disk',
        'node identity',
        `the node's certificate cannot be kept: ${(error as Error).message}`,
      );
    }
    this.#use(identity, endOf(identity), clock.now());
    alarms.lower('node_renewal_failing', 'node');
    alarms.lower('not_admitted', 'server');
    logger.info(isFirst ? 'this node was admitted' : 'the certificate of this node was renewed', {
      agentId: identity.agentId,
    });
    if (!isFirst) onRenewed();
  }

  #use(identity: NodeIdentity, notAfter: number, receivedAt: number): void {
    const { link, random } = this.#parts;
    this.#identity = identity;
    this.#notAfter = notAfter;
    this.#dueAt = renewalAt({ receivedAt, notAfter }, unitInterval(random));
    link.useIdentity(identity);
    this.#sleep();
  }

  #sleep(): void {
    const { clock } = this.#parts;
    this.#timer?.[Symbol.dispose]();
    const wait = Math.min(longestSleepMs, Math.max(1, this.#dueAt - clock.now()));
    this.#timer = clock.schedule(wait, () => {
      if (clock.now() < this.#dueAt) this.#sleep();
      else this.#work(() => (this.#mustAttest() ? this.#attest() : this.#renew()));
    });
  }

  #mustAttest(): boolean {
    return this.#parts.clock.now() >= this.#notAfter && this.#parts.attestation?.isRepeatable === true;
  }

  #work(work: () => Promise<void>): void {
    if (this.#isBusy || this.#closing.signal.aborted) return;
    this.#isBusy = true;
    work()
      .catch((error: unknown) => this.#failed(asCastellanError(error)))
      .finally(() => (this.#isBusy = false));
  }

  #failed(error: CastellanError): void {
    if (this.#closing.signal.aborted) return;
    const { clock, random, alarms } = this.#parts;
    this.#failures++;
    const detail = `${error.code}: ${error.publicMessage}`;
    alarms.raise('node_renewal_failing', 'node', detail);
    const wait = retryDelay({
      failures: this.#failures,
      unit: unitInterval(random),
      baseMs: firstRetryMs,
      capMs: retryCapMs,
      retryAfterSeconds: error.retryAfterSeconds,
    });
    this.#dueAt = clock.now() + wait;
    this.#sleep();
  }
}

function endOf({ chainDer }: NodeIdentity): number {
  return Math.min(...chainDer.map((der) => parseCertificate(der).notAfter));
}

interface ExpectedNode {
  readonly agentId: string;
  readonly publicKey: PublicKey;
  readonly roots: readonly Certificate[];
  readonly now: number;
}

/** A node certificate is taken only when it is what was asked for, as any other. */
function checkNodeChain(chainDer: readonly Uint8Array[], expected: ExpectedNode): SpiffeId {
  const refuse = (why: string) =>
    agentErrors.SERVER_ANSWER_REFUSED({ message: `the node certificate is not acceptable: ${why}` });
  const id = SpiffeId.tryParse(expected.agentId);
  if (id === undefined || !isReservedId(id)) throw refuse('it is not for an agent');
  const [first] = chainDer;
  if (first === undefined) throw refuse('the chain is empty');
  const { notBefore } = parseCertificate(first);
  const now = notBefore > expected.now && notBefore - expected.now <= skewMs ? notBefore : expected.now;
  const verdict = validatePath(chainDer, { now, purpose: 'client', rootsFor: () => expected.roots });
  if (!verdict.ok) throw refuse(`${verdict.reason}: ${verdict.detail}`);
  if (!verdict.spiffeId.equals(id)) throw refuse(`it names \`${verdict.spiffeId.uri}\``);
  if (verdict.leaf.publicKey.spkiSha256 !== expected.publicKey.spkiSha256) throw refuse('it has another key');
  return id;
}
