import type { Socket } from 'node:net';

export interface AdmissionLimits {
  /** Connections open at once, all sources together. */
  readonly maxConnections: number;
  /** Connections open at once from one address (N02). */
  readonly maxConnectionsPerAddress: number;
}

export const defaultAdmissionLimits: AdmissionLimits = Object.freeze({
  maxConnections: 10_000,
  maxConnectionsPerAddress: 256,
});

/** Counts open sockets by address and refuses what is over the cap, before a byte is read. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #perAddress = new Map<string, number>();
  #open = 0;
  #refused = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get open(): number {
    return this.#open;
  }

  get refused(): number {
    return this.#refused;
  }

  /** True when the socket may go on; else it has been closed. Its slot comes back when it closes. */
  admit(socket: Socket): boolean {
    // A reset before anything is attached would otherwise be an uncaught exception.
    socket.on('error', () => undefined);
    const address = socket.remoteAddress;
    if (address === undefined) {
      socket.destroy();
      return false;
    }
    const fromAddress = this.#perAddress.get(address) ?? 0;
    if (this.#open >= this.#limits.maxConnections || fromAddress >= this.#limits.maxConnectionsPerAddress) {
      this.#refused++;
      socket.destroy();
      return false;
    }
    this.#open++;
    this.#perAddress.set(address, fromAddress + 1);
    socket.once('close', () => this.#release(address));
    return true;
  }

  #release(address: string): void {
    this.#open--;
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(address);
    else this.#perAddress.set(address, left);
  }
}
