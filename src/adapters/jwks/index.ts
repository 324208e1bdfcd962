export { keySetFetchErrors } from './errors.ts';
export { discoveredKeySetFetcher, fileKeySetFetcher, urlKeySetFetcher } from './fetchers.ts';
