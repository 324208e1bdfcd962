export { type WorkloadApiParts, workloadApiDoor } from './door.ts';
