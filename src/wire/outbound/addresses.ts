import { type Cidr, cidrContains, type IpAddress, ipFromBytes, parseCidr } from '../../base/ip.ts';

/** Which addresses an outgoing request may reach (D15). */
export interface AddressRules {
  /** Addresses that may be reached whatever they are. */
  readonly allow: readonly Cidr[];
  /** Private networks: yes for what settings name, no for URIs that come in policies. */
  readonly privateAllowed: boolean;
}

export type AddressVerdict = 'allowed' | 'local' | 'private';

function ranges(...texts: readonly string[]): readonly Cidr[] {
  return texts.map((text) => {
    const cidr = parseCidr(text);
    if (cidr === undefined) throw new TypeError(`not a range: ${text}`);
    return cidr;
  });
}

/** This machine, this link, cloud metadata, and what is no host at all. */
const local = ranges(
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/96',
  '100::/64',
  '2001::/32',
  'fe80::/10',
  'fd00:ec2::254/128',
  'fd20:ce::254/128',
  'ff00::/8',
);
const privates = ranges(
  '10.0.0.0/8',
  '100.64.0.0/10',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '198.18.0.0/15',
  'fc00::/7',
  'fec0::/10',
);

/** IPv6 forms that carry an IPv4 address to somewhere else: where in the bytes it stands. */
const carriers = [
  { range: ranges('64:ff9b::/96')[0] as Cidr, at: 12 },
  { range: ranges('64:ff9b:1::/48')[0] as Cidr, at: 12 },
  { range: ranges('2002::/16')[0] as Cidr, at: 2 },
];

export function judgeAddress(ip: IpAddress, rules: AddressRules): AddressVerdict {
  if (isIn(ip, rules.allow)) return 'allowed';
  if (isIn(ip, local)) return 'local';
  const carried = carriedIpv4(ip);
  if (carried !== undefined) return judgeAddress(carried, rules);
  return isIn(ip, privates) && !rules.privateAllowed ? 'private' : 'allowed';
}

function isIn(ip: IpAddress, list: readonly Cidr[]): boolean {
  return list.some((range) => cidrContains(range, ip));
}

function carriedIpv4(ip: IpAddress): IpAddress | undefined {
  const carrier = carriers.find(({ range }) => cidrContains(range, ip));
  return carrier && ipFromBytes(ip.bytes.subarray(carrier.at, carrier.at + 4));
}
