export { type SdsParts, sdsDoor } from './door.ts';
export type { Nack } from './state-of-the-world.ts';
