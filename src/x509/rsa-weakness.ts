/**
 * Known ways in which RSA moduli turned out weak. A few microseconds of big-number arithmetic; the keys come from
 * strangers' generators, and a factored key is somebody else's identity.
 */

export type RsaWeakness = 'a small prime divides it' | 'ROCA (CVE-2017-15361)' | 'its two primes are close';

/** Rounds of Fermat's method, as Boulder does: finds primes that differ in few of their upper bits. */
const fermatRounds = 100;

export function findRsaWeakness(modulus: Uint8Array): RsaWeakness | undefined {
  const n = BigInt(`0x${Buffer.from(modulus.buffer, modulus.byteOffset, modulus.length).toString('hex')}`);
  const residues = smallResidues(n);
  if (residues.some((residue) => residue === 0)) return 'a small prime divides it';
  if (hasRocaFingerprint(residues)) return 'ROCA (CVE-2017-15361)';
  if (hasClosePrimes(n)) return 'its two primes are close';
  return undefined;
}

const smallPrimes = primesUpTo(751);

/** Primes packed into products below 2^50, so that one big division serves several primes. */
const packs = packPrimes(smallPrimes);
const wholeProduct = packs.reduce((product, pack) => product * pack.product, 1n);

function primesUpTo(limit: number): number[] {
  const primes: number[] = [];
  for (let n = 3; n <= limit; n += 2) if (primes.every((p) => n % p !== 0)) primes.push(n);
  return primes;
}

function packPrimes(primes: readonly number[]): { product: bigint; primes: number[] }[] {
  const packed: { product: bigint; primes: number[] }[] = [];
  let current = { product: 1n, primes: [] as number[] };
  for (const prime of primes) {
    if (current.product * BigInt(prime) > 2n ** 50n) {
      packed.push(current);
      current = { product: 1n, primes: [] };
    }
    current.product *= BigInt(prime);
    current.primes.push(prime);
  }
  return [...packed, current];
}

/** n modulo each of `smallPrimes`, in their order. */
function smallResidues(n: bigint): number[] {
  const reduced = n % wholeProduct;
  const residues: number[] = [];
  for (const pack of packs) {
    const rest = Number(reduced % pack.product);
    for (const prime of pack.primes) residues.push(rest % prime);
  }
  return residues;
}

/** The primes of the published ROCA fingerprint, each with the powers of 65537 modulo it. */
const rocaPrimes = smallPrimes.filter((prime) => prime <= 167).map((prime) => powersOf65537(prime));

function powersOf65537(prime: number): ReadonlySet<number> {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * (65537 % prime)) % prime) powers.add(power);
  return powers;
}

/** Primes of the broken library are k·M + (65537^a mod M): so n is a power of 65537 modulo every prime of M. */
function hasRocaFingerprint(residues: readonly number[]): boolean {
  return rocaPrimes.every((powers, i) => powers.has(residues[i] as number));
}

function hasClosePrimes(n: bigint): boolean {
  let a = squareRoot(n);
  if (a * a < n) a += 1n;
  let difference = a * a - n;
  for (let round = 0; round < fermatRounds; round++) {
    if (isSquare(difference)) return true;
    difference += 2n * a + 1n;
    a += 1n;
  }
  return false;
}

/** Quadratic residues: a number that is none modulo 2^8, 3^2·5·7·11·13 is no square, and needs no root. */
const squaresMod256 = new Set(Array.from({ length: 256 }, (_, i) => (i * i) % 256));
const filter = 45045;
const squaresModFilter = new Set(Array.from({ length: filter }, (_, i) => (i * i) % filter));

function isSquare(n: bigint): boolean {
  if (!squaresMod256.has(Number(BigInt.asUintN(8, n)))) return false;
  if (!squaresModFilter.has(Number(n % BigInt(filter)))) return false;
  const root = squareRoot(n);
  return root * root === n;
}

/** Integer square root by Newton's method from above. */
export function squareRoot(n: bigint): bigint {
  if (n < 2n) return n;
  let x = 1n << BigInt(Math.ceil(n.toString(16).length * 2));
  for (;;) {
    const next = (x + n / x) >> 1n;
    if (next >= x) return x;
    x = next;
  }
}
