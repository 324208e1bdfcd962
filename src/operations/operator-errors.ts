import { defineErrors } from '../base/errors.ts';

export const operatorErrors = defineErrors({
  CURSOR_INVALID: {
    kind: 'invalid',
    message: 'the cursor is not one of ours, or belongs to another query',
    next: 'ask again without a cursor',
  },
  CERTIFICATE_UNKNOWN: {
    kind: 'not-found',
    message: 'no certificate with this serial is on record',
    next: 'list them: castellan get identities',
  },
  REQUEST_UNKNOWN: {
    kind: 'not-found',
    message: 'nothing is known about a request with this id',
    next: 'ids of refused requests are kept for a while only; the audit log has the rest: castellan get audit',
  },
  RESOURCE_UNKNOWN: {
    kind: 'not-found',
    message: 'there is no such resource',
    next: 'list them: castellan get resources',
  },
  RESOURCE_KIND_UNKNOWN: {
    kind: 'invalid',
    message: 'resources of this kind are not kept here',
    next: 'see docs/reference for the kinds, and their apiVersion',
  },
  RESOURCE_REFUSED: {
    kind: 'invalid',
    message: 'the document has errors',
    next: 'correct it as the findings say, then apply it again',
  },
  RESOURCE_OWNED_BY_DIRECTORY: {
    kind: 'conflict',
    message: 'the resource belongs to a policy directory',
    next: 'change the file it comes from',
  },
  RESOURCE_DAMAGED: {
    kind: 'precondition',
    message: 'a stored resource cannot be read',
    next: 'apply it again, or delete it; `castellan restore` brings back the last backup of everything',
  },
  RESOURCE_HAS_NO_SHADOW: {
    kind: 'invalid',
    message: 'the resource cannot be a dry run',
    next: 'a dry run is of AuthorizationPolicies with action ALLOW, DENY or AUDIT; for others try `castellan simulate`',
  },
  RESOURCE_IS_ENFORCED: {
    kind: 'conflict',
    message: 'the policy is enforced now, and as a dry run it would not be any more',
    next: 'give the dry run another name, or see what the change would do: castellan simulate',
  },
  RESOURCE_NAME_MISMATCH: {
    kind: 'invalid',
    message: 'the document names another resource than the path does',
    next: 'write the same kind, namespace and name in both places',
  },
  RESERVED_IDENTITY: {
    kind: 'denied',
    message: 'identities under /castellan/ are made by node attestation only',
    next: 'use another path',
  },
  IDENTITY_WITHOUT_PATH: {
    kind: 'invalid',
    message: 'the identity names a trust domain and no workload',
    next: 'give it a path, such as spiffe://cluster.local/ns/shop/sa/cart',
  },
  FOREIGN_TRUST_DOMAIN: {
    kind: 'invalid',
    message: 'the identity is in another trust domain',
    next: 'use the trust domain of this authority: castellan get roots',
  },
  AGENT_NAME_MALFORMED: {
    kind: 'invalid',
    message: 'not the name of an agent',
    next: 'use letters, digits, dot, dash and underscore, such as web-1, or leave the name out',
  },
  JOIN_TOKEN_FOR_ONE: {
    kind: 'invalid',
    message: 'a join token is for a workload or for an agent, not for both and not for neither',
    next: 'castellan token create --for SPIFFE_ID, or castellan token create --agent [NAME]',
  },
  LIFETIME_OUT_OF_RANGE: {
    kind: 'invalid',
    message: 'the lifetime is outside what is allowed here',
    next: 'ask for a shorter one',
  },
  REVOCATION_TARGET_MISSING: {
    kind: 'invalid',
    message: 'give a serial or a SPIFFE ID, not both and not neither',
    next: 'castellan revoke SERIAL or castellan revoke SPIFFE_ID',
  },
  REVOCATION_UNKNOWN: {
    kind: 'not-found',
    message: 'this is not on the deny list',
    next: 'list it: castellan get revocations',
  },
  WORKLOAD_UNKNOWN: {
    kind: 'not-found',
    message: 'no WorkloadEntry has this namespace and name',
    next: 'see `castellan get WorkloadEntry -A`',
  },
  SERVICE_HOST_UNKNOWN: {
    kind: 'not-found',
    message: 'no ServiceEntry names this host',
    next: 'see `castellan get ServiceEntry -A`',
  },
  POLICY_NOT_READY: {
    kind: 'unavailable',
    message: 'no policy is in force yet',
    next: 'see `castellan check`: stored resources may not compile',
  },
});
