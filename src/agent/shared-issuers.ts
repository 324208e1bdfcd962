import type { Certificate } from '../x509/index.ts';

const mostIssuers = 16;

/** What signed many certificates is kept once for all of them. */
export class SharedIssuers {
  readonly #known = new Map<string, Uint8Array>();

  /** Bytes of their own: a certificate that was read may lie in a larger piece of memory. */
  share([leaf, ...issuers]: readonly Certificate[]): readonly Uint8Array[] {
    return leaf === undefined ? [] : [new Uint8Array(leaf.der), ...issuers.map((one) => this.#one(one))];
  }

  #one({ sha256, der }: Certificate): Uint8Array {
    const known = this.#known.get(sha256);
    if (known !== undefined) return known;
    const [oldest] = this.#known.keys();
    if (this.#known.size >= mostIssuers && oldest !== undefined) this.#known.delete(oldest);
    const bytes = new Uint8Array(der);
    this.#known.set(sha256, bytes);
    return bytes;
  }
}
