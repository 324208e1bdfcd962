export { requestIdTrailer, type WorkloadApiParts, workloadApiDoor } from './door.ts';
