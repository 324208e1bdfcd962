import { readFileSync } from 'node:fs';
import { discoveredKeySetFetcher, fileKeySetFetcher, urlKeySetFetcher } from '../adapters/jwks/index.ts';
import { kubernetesTokenReviewer } from '../adapters/token-review/index.ts';
import { type Cidr, parseIpBlock } from '../base/ip.ts';
import {
  type Authenticator,
  type CertificateStanding,
  type ClusterNames,
  clientCertificateAuthenticator,
  clusterNames,
  type JwtIssuer,
  joinTokenAuthenticator,
  jwtIssuer,
  jwtIssuersAuthenticator,
  parseIdentityTemplate,
  tokenReviewAuthenticator,
  xfccAuthenticator,
} from '../identity/index.ts';
import { type KeySetFetcher, KeySetKeeper, VerifiedTokenCache } from '../jwt/index.ts';
import type { JoinTokenStore } from '../operations/ports/index.ts';
import { joinTokenRedeemer } from '../operations/redeem-join-token.ts';
import { type OutboundClient, outboundClient } from '../wire/outbound/index.ts';
import type { Environment } from './environment.ts';
import type { IssuerSettings, Settings } from './settings/index.ts';

export interface AuthenticatorParts {
  readonly settings: Settings;
  readonly environment: Environment;
  readonly standing: CertificateStanding;
  readonly joinTokens: JoinTokenStore;
  readonly stack: DisposableStack;
}

/** A file is looked at again this often; a URL as its keeper thinks best. */
const fileRefreshMs = 5_000;

export interface Authenticators {
  /** In Istio's order: certificate, tokens of issuers, token review, forwarded certificate; then our join tokens. */
  readonly chain: readonly Authenticator[];
  /** Those of the chain that judge tokens which somebody else issued. */
  readonly tokens: readonly Authenticator[];
  readonly keySets: readonly KeySetKeeper[];
}

export function openAuthenticators(parts: AuthenticatorParts): Authenticators {
  const { settings, environment, standing, joinTokens } = parts;
  const { trustDomain } = settings;
  const clusters = clusterNames({ ownId: settings.clusterId });
  const keySets: KeySetKeeper[] = [];
  const tokens: Authenticator[] = [];
  if (settings.issuers.length > 0) tokens.push(tokensOfIssuers(parts, clusters, keySets));
  if (settings.tokenReview !== undefined) tokens.push(tokenReview(parts, clusters));
  const chain: Authenticator[] = [clientCertificateAuthenticator({ trustDomain, standing }), ...tokens];
  const trustedNetworks = networks(settings.xfcc.trustedCidrs);
  if (trustedNetworks.length > 0) chain.push(xfccAuthenticator({ trustDomain, trustedNetworks }));
  chain.push(
    joinTokenAuthenticator({ trustDomain, redeemer: joinTokenRedeemer(joinTokens, environment.clock) }),
  );
  return { chain, tokens, keySets };
}

function tokensOfIssuers(
  { settings, environment, stack }: AuthenticatorParts,
  clusters: ClusterNames,
  keySets: KeySetKeeper[],
): Authenticator {
  const client = outbound(settings, environment);
  const issuers = settings.issuers.map((one): JwtIssuer => {
    const keys = new KeySetKeeper({
      name: one.issuer,
      fetcher: fetcherOf(one, client),
      clock: environment.clock,
      logger: environment.logger.scoped('jwks'),
      ...(one.jwksFile === undefined ? {} : { refreshMs: fileRefreshMs, cooldownMs: 1_000 }),
    });
    stack.use(keys);
    keySets.push(keys);
    return jwtIssuer({
      issuer: one.issuer,
      audiences: one.audiences,
      keys,
      mapping:
        one.spiffeIdTemplate === undefined
          ? { kind: 'service-account', clusterId: settings.clusterId }
          : { kind: 'template', template: parseIdentityTemplate(one.spiffeIdTemplate, settings.trustDomain) },
    });
  });
  const { trustDomain } = settings;
  const cache = new VerifiedTokenCache({ capacity: settings.limits.verifiedTokens });
  return jwtIssuersAuthenticator({ trustDomain, clusters, issuers, cache, clock: environment.clock });
}

function fetcherOf(one: IssuerSettings, client: OutboundClient): KeySetFetcher {
  if (one.jwksFile !== undefined) return fileKeySetFetcher(one.jwksFile);
  if (one.jwksUri !== undefined) return urlKeySetFetcher({ client, url: one.jwksUri });
  return discoveredKeySetFetcher({ client, issuer: one.issuer });
}

function tokenReview({ settings, environment }: AuthenticatorParts, clusters: ClusterNames): Authenticator {
  const review = settings.tokenReview;
  if (review === undefined) throw new TypeError('token review is not configured');
  const { server, tokenFile, caFile, timeout } = review;
  // Misnamed files are found at the start, not at the first caller.
  for (const file of [tokenFile, caFile]) readFileSync(file);
  const client = outbound(settings, environment);
  const reviewer = kubernetesTokenReviewer({ client, server, tokenFile, caFile, timeoutMs: timeout });
  return tokenReviewAuthenticator({
    trustDomain: settings.trustDomain,
    clusters,
    reviewers: new Map([[settings.clusterId, reviewer]]),
    audiences: review.audiences,
    clock: environment.clock,
    timeoutMs: timeout,
    cacheMs: review.cacheTtl,
  });
}

// D15: what settings name comes from the operator, so private networks are theirs to name.
function outbound(settings: Settings, { clock }: Environment): OutboundClient {
  return outboundClient({ privateAllowed: true, allow: networks(settings.outbound.allow), clock });
}

function networks(texts: readonly string[]): readonly Cidr[] {
  return texts.map((text) => {
    const network = parseIpBlock(text);
    if (network === undefined) throw new TypeError(`settings let \`${text}\` through`);
    return network;
  });
}
