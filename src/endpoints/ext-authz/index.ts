export { type ExtAuthzDoorParts, extAuthzDoor, proxyTokenHeader } from './door.ts';
export { type ExtAuthzAddress, type ExtAuthzServer, extAuthzServer } from './server.ts';
