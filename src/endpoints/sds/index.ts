export { type SdsParts, sdsDoor } from './door.ts';
export { istioWords, type SecretWords } from './secret-name.ts';
export type { Nack } from './state-of-the-world.ts';
