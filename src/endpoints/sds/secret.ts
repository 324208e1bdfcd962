import { createHash } from 'node:crypto';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import type { AgentBundle, OfferedIdentity, WorkloadBundles } from '../../agent/index.ts';
import {
  SecretSchema,
  SPIFFECertValidatorConfigSchema,
} from '../../wire/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { formatCertificatePem, formatCrlPem, formatPem, parseCrl } from '../../x509/index.ts';

const typePrefix = 'type.googleapis.com/';
export const secretTypeUrl = `${typePrefix}${SecretSchema.typeName}`;
const validatorName = 'envoy.tls.cert_validator.spiffe';

/** A secret under one name, ready to be sent. */
export interface Secret {
  readonly name: string;
  /** Differs when the content does, and only then. */
  readonly version: string;
  readonly resource: Any;
}

/** Chain and key, PEM, leaf first. */
export function svidSecret(name: string, { svid }: OfferedIdentity): Secret {
  const chain = svid.chainDer.map(formatCertificatePem).join('');
  const key = formatPem('PRIVATE KEY', svid.privateKeyPkcs8);
  return makeSecret(name, {
    case: 'tlsCertificate',
    value: { certificateChain: inline(chain), privateKey: inline(key) },
  });
}

/** Roots as every version of Envoy takes them. Of one trust domain only: here nothing tells domains apart. */
export function rootsSecret(name: string, bundle: AgentBundle): Secret {
  const crl = crlsFor(bundle);
  return makeSecret(name, {
    case: 'validationContext',
    value: { trustedCa: inline(rootsOf(bundle)), ...(crl === undefined ? {} : { crl: inline(crl) }) },
  });
}

/**
 * Envoy's SPIFFE validator: the peer's own trust domain chooses the roots (W-10). It has no field for revocation lists and
 * reads them beside the roots.
 */
export function bundlesSecret(name: string, bundles: readonly AgentBundle[]): Secret {
  const config = create(SPIFFECertValidatorConfigSchema, {
    trustDomains: bundles.map((bundle) => ({
      name: bundle.trustDomain,
      trustBundle: inline(rootsOf(bundle) + (crlsFor(bundle) ?? '')),
    })),
  });
  return makeSecret(name, {
    case: 'validationContext',
    value: {
      customValidatorConfig: {
        name: validatorName,
        typedConfig: {
          typeUrl: `${typePrefix}${SPIFFECertValidatorConfigSchema.typeName}`,
          value: toBinary(SPIFFECertValidatorConfigSchema, config),
        },
      },
    },
  });
}

/**
 * Envoy wants a list of every authority of a chain once it has one, and refuses chains without: so lists go out only
 * when each root has its own. The server makes them for every issuer or for none.
 */
function crlsFor({ roots, crlsDer }: AgentBundle): string | undefined {
  if (crlsDer.length === 0) return undefined;
  const crls = crlsDer.map(parseCrl);
  const isWhole = roots.every((root) => crls.some((crl) => crl.isIssuedBy(root)));
  return isWhole ? crls.map(({ der }) => formatCrlPem(der)).join('') : undefined;
}

export const allBundles = ({ own, federated }: WorkloadBundles): readonly AgentBundle[] => [
  own,
  ...federated,
];

type SecretContent = NonNullable<MessageInitShape<typeof SecretSchema>['type']>;

function makeSecret(name: string, type: SecretContent): Secret {
  const value = toBinary(
    SecretSchema,
    create(SecretSchema, { name, type } as MessageInitShape<typeof SecretSchema>),
  );
  return Object.freeze({
    name,
    version: createHash('sha256').update(value).digest('hex').slice(0, 32),
    resource: create(AnySchema, { typeUrl: secretTypeUrl, value }),
  });
}

const rootsOf = ({ roots }: AgentBundle) => roots.map(({ der }) => formatCertificatePem(der)).join('');

function inline(pem: string) {
  return { specifier: { case: 'inlineBytes' as const, value: new TextEncoder().encode(pem) } };
}
