/** What operators do with the keys of the authority, and what a rotation knows of the world. */
export {
  type CondemnOutcome,
  type CondemnRequest,
  condemnAuthority,
} from './condemn-authority.ts';
export { followRevocations } from './follow-revocations.ts';
export { type NearingEnd, nearingEnd, signingKeys } from './nearing-end.ts';
export { recordRotation } from './record-rotation.ts';
export { type RotationOutcome, type RotationVerb, rotateAuthority } from './rotate-authority.ts';
export { RotationWatch } from './rotation-watch.ts';
