import { agentErrors } from './errors.ts';

/** Whose call it is; undefined where the kernel does not say. All of those are one user. */
export type UserId = number | undefined;

export interface UserSharesOptions {
  /** Held by one user at once. */
  readonly most: number;
  readonly onLimit: () => void;
}

/** Places that users of the node hold, so many for each, so that none takes those of all. */
export class UserShares {
  readonly #options: UserSharesOptions;
  readonly #held = new Map<UserId, number>();

  constructor(options: UserSharesOptions) {
    this.#options = options;
  }

  heldBy(user: UserId): number {
    return this.#held.get(user) ?? 0;
  }

  /** Throws USER_SHARE_USED_UP. */
  take(user: UserId): Disposable {
    const held = this.heldBy(user);
    if (held >= this.#options.most) {
      this.#options.onLimit();
      throw agentErrors.USER_SHARE_USED_UP();
    }
    this.#held.set(user, held + 1);
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        const left = this.heldBy(user) - 1;
        if (left === 0) this.#held.delete(user);
        else this.#held.set(user, left);
      },
    };
  }
}

export interface UserTurnsOptions {
  /** Pieces of work of one user under way at once. */
  readonly atOnce: number;
  /** Of one user, under way or waiting. */
  readonly places: UserShares;
}

/** Work for users of the node: who asks for much waits behind his own, not in front of others. */
export class UserTurns {
  readonly #options: UserTurnsOptions;
  readonly #users = new Map<UserId, { running: number; readonly waiting: (() => void)[] }>();

  constructor(options: UserTurnsOptions) {
    this.#options = options;
  }

  /** Throws USER_SHARE_USED_UP, and what the work throws. */
  async run<T>(user: UserId, work: () => Promise<T>): Promise<T> {
    using _place = this.#options.places.take(user);
    const turns = this.#users.get(user) ?? { running: 0, waiting: [] };
    this.#users.set(user, turns);
    if (turns.running < this.#options.atOnce) turns.running++;
    else await new Promise<void>((resolve) => turns.waiting.push(resolve));
    try {
      return await work();
    } finally {
      // The turn goes over to the next, or ends.
      const next = turns.waiting.shift();
      if (next !== undefined) next();
      else if (--turns.running === 0) this.#users.delete(user);
    }
  }
}
