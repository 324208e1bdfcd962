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

/**
 * Fermat: n = a² − b² with a just above √n. A square is a quadratic residue modulo anything, so a round is two
 * table look-ups on small residues, and big numbers are touched only when both let it pass.
 */
function hasClosePrimes(n: bigint): boolean {
  const root = squareRoot(n);
  const first = root * root < n ? root + 1n : root;
  const residues = moduli.map(({ modulus, squares }) => ({
    modulus,
    squares,
    n: Number(n % BigInt(modulus)),
    a: Number(first % BigInt(modulus)),
  }));
  for (let round = 0; round < fermatRounds; round++) {
    const mayBeSquare = residues.every(({ modulus, squares, n, a }) => {
      const shifted = (a + round) % modulus;
      return squares[(shifted * shifted - n + modulus) % modulus] === 1;
    });
    if (!mayBeSquare) continue;
    const a = first + BigInt(round);
    const difference = a * a - n;
    if (squareRoot(difference) ** 2n === difference) return true;
  }
  return false;
}

const moduli = [256, 9 * 5 * 7 * 11 * 13].map((modulus) => {
  const squares = new Uint8Array(modulus);
  for (let i = 0; i < modulus; i++) squares[(i * i) % modulus] = 1;
  return { modulus, squares };
});

/** Integer square root by Newton's method from above, begun with the root of the upper bits. */
export function squareRoot(n: bigint): bigint {
  if (n < 2n) return n;
  const excess = Math.max(0, n.toString(16).length * 4 - 104);
  const shift = BigInt(excess + (excess % 2));
  let x = (BigInt(Math.floor(Math.sqrt(Number(n >> shift)) * (1 + 2 ** -40))) + 2n) << (shift / 2n);
  for (;;) {
    const next = (x + n / x) >> 1n;
    if (next >= x) return x;
    x = next;
  }
}
