import { type Cidr, cidrContains, type IpAddress } from '../../base/ip.ts';
import {
  absent,
  all,
  type Dimension,
  exactKeys,
  type Field,
  type IndexKey,
  noKeys,
  none,
  type Probe,
} from './clause.ts';
import type { MatchContext } from './context.ts';
import { IpTree } from './ip-tree.ts';
import { matchesNamespace, matchesTrustDomain, type PeerFacts, readNamespacePattern } from './peer-facts.ts';
import { textKeys } from './text-keys.ts';
import { compileTexts, type TextMatcher } from './text-patterns.ts';

/** The fields that plain connections have too: peer identity, addresses, port, SNI. */

const nothing: readonly string[] = [];

abstract class PeerField implements Field {
  get input(): string {
    return 'source.principal';
  }
  get isHttp(): boolean {
    return false;
  }
  get isIdentity(): boolean {
    return true;
  }
  probe({ peer }: MatchContext): Probe {
    return peer === undefined ? absent : this.fits(peer) ? all : none;
  }
  read({ peer }: MatchContext): readonly string[] {
    return peer === undefined ? nothing : [peer.principal];
  }
  abstract fits(peer: PeerFacts): boolean;
  abstract readonly dimension: Dimension | undefined;
  abstract keys(): readonly IndexKey[];
}

/** `principals`, `source.principal`: values without `spiffe://`, trust domain aliases already added. */
export class PrincipalField extends PeerField {
  readonly #texts: TextMatcher;

  constructor(values: readonly string[]) {
    super();
    this.#texts = compileTexts(values);
  }
  fits(peer: PeerFacts): boolean {
    return this.#texts.matches(peer.principal);
  }
  get dimension(): Dimension | undefined {
    return this.#texts.any ? undefined : 'principal';
  }
  keys(): readonly IndexKey[] {
    return textKeys(this.#texts);
  }
}

export class NamespaceField extends PeerField {
  readonly #values: readonly string[];
  /** Set when no value has a wildcard or a slash: then a namespace is looked up, not searched for. */
  readonly #names: ReadonlySet<string> | undefined;
  readonly #wild: readonly (readonly string[])[];

  constructor(values: readonly string[]) {
    super();
    const isPlain = values.every((value) => !value.includes('*') && !value.includes('/'));
    this.#values = values;
    this.#names = isPlain ? new Set(values) : undefined;
    this.#wild = isPlain ? [] : values.map(readNamespacePattern);
  }
  fits(peer: PeerFacts): boolean {
    const names = this.#names;
    if (names === undefined) return this.#wild.some((pieces) => matchesNamespace(peer, pieces));
    for (const namespace of peer.namespaces) if (names.has(namespace)) return true;
    return false;
  }
  get dimension(): Dimension | undefined {
    return this.#names === undefined ? undefined : 'namespace';
  }
  keys(): readonly IndexKey[] {
    return exactKeys(this.#values);
  }
}

/** Values are `ns/sa`, the policy's namespace already filled in. */
export class AccountField extends PeerField {
  readonly #accounts: ReadonlySet<string>;

  constructor(accounts: readonly string[]) {
    super();
    this.#accounts = new Set(accounts);
  }
  fits(peer: PeerFacts): boolean {
    for (const account of peer.accounts) if (this.#accounts.has(account)) return true;
    return false;
  }
  get dimension(): Dimension {
    return 'account';
  }
  keys(): readonly IndexKey[] {
    return exactKeys([...this.#accounts]);
  }
}

export class TrustDomainField extends PeerField {
  readonly #values: readonly string[];

  constructor(values: readonly string[]) {
    super();
    this.#values = values;
  }
  fits(peer: PeerFacts): boolean {
    return this.#values.some((value) => matchesTrustDomain(peer, value));
  }
  get dimension(): undefined {
    return undefined;
  }
  keys(): readonly IndexKey[] {
    return noKeys;
  }
}

export type IpInput = 'source.ip' | 'remote.ip' | 'destination.ip';
const fewRanges = 4;

export class IpField implements Field {
  readonly input: IpInput;
  readonly #ranges: readonly Cidr[];
  readonly #tree: IpTree<true> | undefined;

  constructor(input: IpInput, ranges: readonly Cidr[]) {
    this.input = input;
    this.#ranges = ranges;
    if (ranges.length > fewRanges) {
      this.#tree = new IpTree<true>();
      for (const range of ranges) this.#tree.at(range, () => true);
    }
  }
  get isHttp(): boolean {
    return false;
  }
  get isIdentity(): boolean {
    return false;
  }
  probe(context: MatchContext): Probe {
    const ip = this.#address(context);
    return ip === undefined ? absent : this.#holds(ip) ? all : none;
  }
  read(context: MatchContext): readonly string[] {
    const ip = this.#address(context);
    return ip === undefined ? nothing : [ip.text];
  }
  get dimension(): Dimension | undefined {
    if (this.input === 'destination.ip') return undefined;
    return this.input === 'source.ip' ? 'source-ip' : 'remote-ip';
  }
  keys(): readonly IndexKey[] {
    return this.#ranges.map(({ text }) => ({ kind: 'range', text }));
  }
  #address(context: MatchContext): IpAddress | undefined {
    if (this.input === 'source.ip') return context.sourceIp;
    return this.input === 'remote.ip' ? context.remoteIp : context.destinationIp;
  }
  #holds(ip: IpAddress): boolean {
    if (this.#tree !== undefined) return this.#tree.covers(ip);
    for (const range of this.#ranges) if (cidrContains(range, ip)) return true;
    return false;
  }
}

export class PortField implements Field {
  readonly #ports: ReadonlySet<number>;

  constructor(ports: readonly number[]) {
    this.#ports = new Set(ports);
  }
  get input(): string {
    return 'destination.port';
  }
  get isHttp(): boolean {
    return false;
  }
  get isIdentity(): boolean {
    return false;
  }
  probe({ port }: MatchContext): Probe {
    return this.#ports.has(port) ? all : none;
  }
  read({ port }: MatchContext): readonly string[] {
    return [String(port)];
  }
  get dimension(): Dimension {
    return 'port';
  }
  keys(): readonly IndexKey[] {
    return exactKeys([...this.#ports].map(String));
  }
}

export class SniField implements Field {
  readonly #texts: TextMatcher;

  constructor(values: readonly string[]) {
    this.#texts = compileTexts(values);
  }
  get input(): string {
    return 'connection.sni';
  }
  get isHttp(): boolean {
    return false;
  }
  get isIdentity(): boolean {
    return false;
  }
  probe({ sni }: MatchContext): Probe {
    return sni === '' ? absent : this.#texts.matches(sni) ? all : none;
  }
  read({ sni }: MatchContext): readonly string[] {
    return sni === '' ? nothing : [sni];
  }
  get dimension(): Dimension | undefined {
    return this.#texts.any ? undefined : 'sni';
  }
  keys(): readonly IndexKey[] {
    return textKeys(this.#texts);
  }
}
