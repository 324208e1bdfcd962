import type { VerbContext } from '../frame/verb.ts';
import { AdminClient } from './admin-client.ts';
import { findServer } from './discover.ts';

/** The client for the server that this command line means (D31). */
export function connect({ io, global, signal }: VerbContext): AdminClient {
  return new AdminClient(findServer(io, global.server), signal);
}
