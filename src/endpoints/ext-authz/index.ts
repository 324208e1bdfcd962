export { type ExtAuthzDoorParts, extAuthzDoor } from './door.ts';
export { type ExtAuthzAddress, type ExtAuthzServer, extAuthzServer } from './server.ts';
