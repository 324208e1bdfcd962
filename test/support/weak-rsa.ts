/** Moduli made weak on purpose, with nothing to protect: the products of two primes that were thrown away. */

/** Both primes have the form k·M + 65537^a mod M of the broken library (CVE-2017-15361). */
export const rocaModulus =
  'cc9b57a6d8817568834b1b7c2d831eccfed43e2d55a671dd671900b57ce3ad8da23ddf1086b5433e682dbcf79e8bcc9e27a23fc2' +
  '7496de695a5784817f51ef4814bdcbe31be8a05fa5d0539e2de7d4f073482cfc269cc3be3788e84e46148d8b12967347698017b8' +
  '8a5078a2490bbf769ca302466ba319cf596138da3aa39bd9bfb2508d2838d8cc0bdb71e7b9a0bfd15a0d8bcbbf06b471a2128b48' +
  '45f1a151fe48054806e47007748c619bd6ec807bcdea12ef0d6358eeb87c95327fa9e6476f8e9ad9ffcdcfd3978e13d0c2aced67' +
  'de39333060fe3b0db7c9e7bbe1bbc9f33a8fdeebb411ed0fd5fff185c4db92ec14857b6b3c01b677878ea3e12bd1f6a7';

/** Its primes differ by about 2^516: Fermat's method finds them in round 35. */
export const closePrimesModulus =
  'dd13035a110675e1fe40d242bfd0a568d13f50b0ec90cf7b7b86534a63b75ffaa23a58cec0e8d62c04dc6f7a7f1411ce0b27087b' +
  '0ff25ac4a554a28b29b8025d8cf0abccf03cf0a37d8b7f5f6609f19bf2aa11451e5c578463c3cfe6239e74dc9fb17d2f5c1303d1' +
  '5c579ea5cfa2c54487ea4f74bb136ae72781579b4426e96d71a254a7c63d77816cd65f1ef9aefc0c8e74930962883c3408096a71' +
  '473f3ea549d67d8c76e27d35f29b8f555d022726f295304f35136a2befdd6786cfc4cfc3f8b2dc19989813b07f0735b6027e4bf5' +
  'afc8bef5e0b291441c4101855a8bbcaef3a1fa92e35dbe0c335c2790f1e03a56171461384b4649a9ade0c9167bca7dbd';
