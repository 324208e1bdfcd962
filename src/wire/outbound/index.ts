export { type AddressRules, type AddressVerdict, judgeAddress } from './addresses.ts';
export { type OutboundClient, type OutboundOptions, type OutboundRequest, outboundClient } from './client.ts';
export { outboundErrors } from './errors.ts';
export { GuardedLookup, type LookupOptions } from './guarded-lookup.ts';
