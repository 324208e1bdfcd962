import { parseIpBlock } from '../base/ip.ts';
import type { Settings } from './settings/index.ts';

/** D15: addresses that outgoing requests may reach although they are local or private. */
export function outboundAllow({ outbound }: Pick<Settings, 'outbound'>) {
  return outbound.allow.map((text) => parseIpBlock(text)).filter((block) => block !== undefined);
}
