import { Alarms } from './alarms.ts';
import type { RevocationList, RevokedLeaf } from './crl-keeper.ts';
import { Listeners } from './listeners.ts';
import type { AuthorityPorts } from './ports.ts';
import type { RotationState } from './rotation/model.ts';
import type { RotationEvent, Rotator } from './rotator.ts';
import type { Alarm, SigningSource, SigningState, StateChange } from './signing-state.ts';

export interface JournaledParts {
  readonly ports: AuthorityPorts;
  readonly rotator: Rotator;
  /** Where the rotator tells its steps. */
  readonly events: Listeners<RotationEvent>;
}

/**
 * What every source of signing keys has in common: one journal that one piece of work changes at a time, a state that
 * follows it, and those who want to hear of either.
 */
export abstract class JournaledSource implements SigningSource {
  abstract readonly kind: SigningSource['kind'];
  protected readonly ports: AuthorityPorts;
  protected readonly rotator: Rotator;
  protected readonly troubles: Alarms;
  readonly #events: Listeners<RotationEvent>;
  readonly #listeners: Listeners<StateChange>;
  #queue: Promise<unknown> = Promise.resolve();

  protected constructor({ ports, rotator, events }: JournaledParts) {
    this.ports = ports;
    this.rotator = rotator;
    this.#events = events;
    this.troubles = new Alarms(ports.clock, ports.logger);
    this.#listeners = new Listeners(ports.logger);
  }

  abstract current(): SigningState;
  abstract checkNow(): Promise<void>;
  abstract revocationLists(): readonly RevocationList[];
  abstract setRevokedLeaves(leaves: readonly RevokedLeaf[]): Promise<void>;
  abstract close(): Promise<void>;

  /** Signs with what the journal says is active, and tells those who listen, if anything is another than before. */
  protected abstract takeUp(): Promise<void>;

  alarms(): readonly Alarm[] {
    return this.troubles.list();
  }

  onChange(listener: (change: StateChange) => void): Disposable {
    return this.#listeners.add(listener);
  }

  onRotation(listener: (event: RotationEvent) => void): Disposable {
    return this.#events.add(listener);
  }

  rotationState(): RotationState {
    return this.rotator.state();
  }

  inspect<T>(work: (rotator: Rotator) => Promise<T>): Promise<T> {
    return this.alone(() => work(this.rotator));
  }

  /** Changes the journal while nobody else does, then takes up what came of it. */
  async operate<T>(work: (rotator: Rotator) => Promise<T>): Promise<T> {
    try {
      return await this.alone(async () => {
        try {
          return await work(this.rotator);
        } finally {
          await this.takeUp();
        }
      });
    } finally {
      await this.checkNow();
    }
  }

  /** Takes every step that is due, and takes up what came of those that were taken. */
  protected async rotate(): Promise<void> {
    await this.rotator.removeUnfinished();
    try {
      await this.rotator.run();
    } finally {
      await this.takeUp();
    }
  }

  protected tell(change: StateChange): void {
    this.#listeners.tell(change);
  }

  /** One piece of work at a time; what failed does not hold up the next. */
  protected alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  /** Resolves when nothing is at work any more. */
  protected async idle(): Promise<void> {
    await this.#queue;
  }
}
