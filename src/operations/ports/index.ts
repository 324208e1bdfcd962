export type * from './audit.ts';
export type * from './decisions.ts';
export { storeErrors } from './errors.ts';
export type * from './issuance.ts';
export type * from './join-tokens.ts';
export type * from './refusals.ts';
export type * from './resources.ts';
export type * from './revocations.ts';
export type * from './store.ts';
