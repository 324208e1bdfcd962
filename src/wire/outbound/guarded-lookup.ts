import { lookup as systemLookup } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { parseIp } from '../../base/ip.ts';
import { type AddressRules, judgeAddress } from './addresses.ts';
import { outboundErrors } from './errors.ts';

export interface LookupOptions extends AddressRules {
  /** The addresses of a name; the system's resolver unless given. */
  readonly resolve?: (hostname: string) => Promise<readonly string[]>;
}

export interface Reachable {
  readonly address: string;
  readonly family: 4 | 6;
}

/** Names become addresses that may be reached (D15), or nothing. */
export class GuardedLookup {
  readonly #options: LookupOptions;

  constructor(options: LookupOptions) {
    this.#options = options;
  }

  /** What node:net asks for addresses instead of the system. It never asks about a literal: `check` that first. */
  readonly lookup: LookupFunction = (hostname, options, answer) => {
    void this.#answer(hostname, options.all === true, answer);
  };

  /** Resolves a name and keeps only addresses that may be reached: what is checked is what is connected to. */
  async reachable(hostname: string): Promise<[Reachable, ...Reachable[]]> {
    const { resolve = resolveBySystem } = this.#options;
    const literal = parseIp(hostname);
    const texts = literal === undefined ? await resolve(hostname) : [literal.text];
    const [first, ...more] = texts
      .map((text) => parseIp(text))
      .filter((ip) => ip !== undefined)
      .filter((ip) => judgeAddress(ip, this.#options) === 'allowed')
      .map((ip) => ({ address: ip.text, family: ip.version }));
    if (first === undefined) throw blocked(hostname);
    return [first, ...more];
  }

  /** Throws OUTBOUND_ADDRESS_BLOCKED for an address that may not be reached; a name is judged when it is resolved. */
  check(host: string): void {
    const literal = parseIp(host);
    if (literal !== undefined && judgeAddress(literal, this.#options) !== 'allowed') throw blocked(host);
  }

  async #answer(hostname: string, all: boolean, answer: Parameters<LookupFunction>[2]): Promise<void> {
    try {
      const [first, ...more] = await this.reachable(hostname);
      if (all) answer(null, [first, ...more]);
      else answer(null, first.address, first.family);
    } catch (error) {
      answer(error as NodeJS.ErrnoException, '');
    }
  }
}

async function resolveBySystem(hostname: string): Promise<readonly string[]> {
  return (await systemLookup(hostname, { all: true, order: 'verbatim' })).map(({ address }) => address);
}

function blocked(host: string): Error {
  return outboundErrors.OUTBOUND_ADDRESS_BLOCKED({
    message: `the address of \`${host.slice(0, 253)}\` may not be reached`,
  });
}
