import type { FindingSpec } from '../../resources/index.ts';

/** CAS000x, CAS02xx, CAS03xx, CAS05xx: peer and request authentication, and registrations. */
export const authenticationCatalogue = {
  CAS0001: {
    severity: 'warning',
    title: 'two PeerAuthentications for one namespace or for the mesh',
    why: 'they do not merge: the oldest counts as a whole and the other is ignored',
    fix: 'keep one',
    also: 'KIA0002, istio#48036',
  },
  CAS0002: {
    severity: 'warning',
    title: 'several PeerAuthentications for one workload',
    why: 'they do not merge: the oldest counts as a whole and the other is ignored',
    fix: 'write one object with all the port modes, or make the selectors exclude each other',
    also: 'KIA0003, istio#54073',
  },
  CAS0203: {
    severity: 'warning',
    title: 'mutual TLS is disabled',
    why: 'traffic is plaintext, callers have no identity, and rules by identity never see one',
    fix: 'use PERMISSIVE while clients move, then STRICT',
  },
  CAS0206: {
    severity: 'warning',
    title: 'portLevelMtls that seems to name a Service port',
    why: 'the key is the port the workload listens on; a Service port is ignored silently',
    fix: 'write the targetPort of the Service',
    also: 'istio#49098',
  },
  CAS0303: {
    severity: 'warning',
    title: 'JWT rule without audiences',
    why: 'a token that the issuer made for any other service is accepted here too',
    fix: 'list the audiences of this service',
  },
  CAS0304: {
    severity: 'warning',
    title: 'RequestAuthentication that no policy asks to be used',
    why: 'a RequestAuthentication rejects bad tokens; a request without any token passes',
    fix: 'add an ALLOW policy with requestPrincipals, or DENY from notRequestPrincipals ["*"]',
  },
  CAS0306: {
    severity: 'info',
    title: 'JWT rules that read different places',
    why: 'when the token at one place is good, a bad token at the other is not looked at and travels on',
    fix: 'read tokens at one place, or switch on strict mode, which refuses the request',
  },
  CAS0307: {
    severity: 'warning',
    title: 'claim whose own name has a dot',
    why: 'a dot in outputClaimToHeaders goes one level deeper, so a claim such as `https://a.example/role` is never found',
    fix: 'have the issuer use a name without dots, or use outputPayloadToHeader',
    also: 'jwt_verify_lib#104',
  },
  CAS0308: {
    severity: 'info',
    title: 'token cookie that travels on',
    why: 'forwardOriginalToken: false removes headers and parameters; a cookie is never removed',
    fix: 'remove the cookie in the service or its gateway',
  },
  CAS0309: {
    severity: 'info',
    title: 'JWT rule that does not read the Authorization header',
    why: 'naming any place to look switches off both usual ones, `Authorization: Bearer` and `access_token`',
    fix: 'add {name: Authorization, prefix: "Bearer "} to fromHeaders if clients use it',
  },
  CAS0310: {
    severity: 'warning',
    title: 'keys fetched without TLS',
    why: 'whoever sits on the way can give you their own keys and then sign tokens',
    fix: 'use an https jwksUri',
  },
  CAS0311: {
    severity: 'info',
    title: 'token that not every proxy takes away',
    why: 'forwardOriginalToken: false takes a used token away; proxies other than Envoy cannot do so in the query, where it also ends in logs, and some need a line for a header of your own',
    fix: 'send the token in Authorization, or see the page of your proxy; forwardOriginalToken: true if the workload wants it',
  },
  CAS0501: {
    severity: 'info',
    title: 'two registrations for the same selectors',
    why: 'every workload that fits gets both identities, and takes the first unless it chooses',
    fix: 'add a selector that tells them apart, or give each a hint',
  },
  CAS0801: {
    severity: 'warning',
    title: 'kind of Istio 1.0 to 1.4',
    why: 'no mesh of today reads it: it protects nothing',
    fix: 'castellan convert FILE',
  },
} as const satisfies Readonly<Record<string, FindingSpec>>;
