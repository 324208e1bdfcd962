export { socketPeer } from './socket-peer.ts';
export { type UnixAttestorOptions, unixAttestor } from './unix-attestor.ts';
