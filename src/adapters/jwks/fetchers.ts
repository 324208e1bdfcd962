import { open } from 'node:fs/promises';
import { type KeySetFetcher, parseJsonObjectText } from '../../jwt/index.ts';
import type { OutboundClient } from '../../wire/outbound/index.ts';
import { keySetFetchErrors } from './errors.ts';

interface Https {
  readonly client: OutboundClient;
  /** PEM of a private authority, instead of the public ones. */
  readonly ca?: string;
  readonly timeoutMs?: number;
}

/** A JWKS at a URL. */
export function urlKeySetFetcher(options: Https & { readonly url: string }): KeySetFetcher {
  return { fetch: (signal) => ask(options, options.url, signal) };
}

/** A JWKS found by OpenID Connect discovery. The document must name exactly the issuer that was asked. */
export function discoveredKeySetFetcher(options: Https & { readonly issuer: string }): KeySetFetcher {
  const bare = options.issuer.endsWith('/') ? options.issuer.slice(0, -1) : options.issuer;
  return {
    async fetch(signal) {
      const text = await ask(options, `${bare}/.well-known/openid-configuration`, signal);
      const document = parseJsonObjectText(text, 8);
      if (!document.ok) throw keySetFetchErrors.ISSUER_DISCOVERY_FAILED();
      const { issuer, jwks_uri: url } = document.value;
      if (issuer !== options.issuer || typeof url !== 'string')
        throw keySetFetchErrors.ISSUER_DISCOVERY_FAILED();
      return ask(options, url, signal);
    },
  };
}

const largestFile = 256 * 1024;

/** A JWKS in a file, read anew at each fetch: give its keeper a refresh of seconds. */
export function fileKeySetFetcher(path: string): KeySetFetcher {
  return {
    async fetch() {
      try {
        await using file = await open(path, 'r');
        if ((await file.stat()).size > largestFile) throw new Error('too large');
        return await file.readFile('utf8');
      } catch (cause) {
        throw keySetFetchErrors.KEY_SET_FILE_UNREADABLE({ cause });
      }
    },
  };
}

function ask({ client, ca, timeoutMs }: Https, url: string, signal: AbortSignal): Promise<string> {
  return client.ask(
    { url, ...(ca !== undefined && { ca }), ...(timeoutMs !== undefined && { timeoutMs }) },
    signal,
  );
}
