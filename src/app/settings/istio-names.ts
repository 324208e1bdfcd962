/** Istio's environment names that mean one of our settings. `CASTELLAN_*` wins over them. */
export const istioNames: Readonly<Record<string, string>> = {
  TRUST_DOMAIN: 'trustDomain',
  CLUSTER_ID: 'clusterId',
  ROOT_CA_DIR: 'authority.cacertsDir',
  DEFAULT_WORKLOAD_CERT_TTL: 'authority.workloadTtl',
  MAX_WORKLOAD_CERT_TTL: 'authority.maxWorkloadTtl',
  CITADEL_SELF_SIGNED_CA_CERT_TTL: 'authority.rootTtl',
  CA_TRUSTED_NODE_ACCOUNTS: 'trustedNodeAccounts',
  TRUSTED_GATEWAY_CIDR: 'xfcc.trustedCidrs',
  TOKEN_AUDIENCES: 'tokenAudiences',
};

/** Istio's names that ask for something this server does otherwise or not at all: told, never silently ignored. */
export const istioNamesWithoutEffect: Readonly<Record<string, string>> = {
  TOKEN_ISSUER: 'list the issuer under `issuers`',
  JWT_RULE: 'list the issuer under `issuers`',
  CITADEL_SELF_SIGNED_CA_RSA_KEY_SIZE: 'a self-made root is P-256 or P-384: see `authority.keyType`',
  CITADEL_SELF_SIGNED_ROOT_CERT_GRACE_PERIOD_PERCENTILE: 'the intermediate renews itself by its own rule',
  USE_CACERTS_FOR_SELF_SIGNED_CA: 'name a plugged-in CA with `authority.cacertsDir`',
  EXTERNAL_CA: 'an external CA is not supported',
  K8S_SIGNER: 'signing by the Kubernetes API is not supported',
};
