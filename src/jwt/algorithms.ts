/** Signature algorithms by the kind of key that makes them; a key never verifies an algorithm of another kind (T02, T03). */
export const algorithmsByKeyShape = {
  RSA: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  'EC P-256': ['ES256'],
  'EC P-384': ['ES384'],
  'EC P-521': ['ES512'],
  'OKP Ed25519': ['EdDSA'],
  oct: ['HS256', 'HS384', 'HS512'],
} as const;

export type KeyShape = keyof typeof algorithmsByKeyShape;

/** J-03. */
export const svidAlgorithms: ReadonlySet<string> = new Set<string>([
  ...algorithmsByKeyShape.RSA,
  ...algorithmsByKeyShape['EC P-256'],
  ...algorithmsByKeyShape['EC P-384'],
  ...algorithmsByKeyShape['EC P-521'],
]);

export const asymmetricAlgorithms: ReadonlySet<string> = new Set([...svidAlgorithms, 'EdDSA']);

export const requestAlgorithms: ReadonlySet<string> = new Set<string>([
  ...asymmetricAlgorithms,
  ...algorithmsByKeyShape.oct,
]);
