import { create, type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Registration } from '../../identity/index.ts';
import type {
  AgentBundle,
  AttestedNode,
  PolicyContent,
  RevocationContent,
  SyncAnswer,
  SyncPart,
} from '../../operations/agents/index.ts';
import { formatSelector } from '../../spiffe/index.ts';
import {
  AttestResponseSchema,
  type Bundle,
  BundleSchema,
  BundlesSchema,
  PolicyDataSchema,
  RegistrationSchema,
  RegistrationsSchema,
  RevocationsSchema,
} from '../../wire/gen/castellan/agent/v1/agent_pb.js';

export function encodeChallenge(nonce: Uint8Array): Uint8Array {
  return toBinary(
    AttestResponseSchema,
    create(AttestResponseSchema, { step: { case: 'challenge', value: { nonce } } }),
  );
}

export function encodeAccepted({ id, chainDer, bundle }: AttestedNode): Uint8Array {
  const value = { agentId: id.uri, chainDer: [...chainDer], bundle: toBundle(bundle) };
  return toBinary(AttestResponseSchema, create(AttestResponseSchema, { step: { case: 'accepted', value } }));
}

/**
 * A SyncResponse, written field by field: a part that many streams get is encoded once and its bytes are copied. The
 * numbers are those of agent.proto; a test reads the answer back with the generated code.
 */
export function encodeSync(answer: SyncAnswer): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.LengthDelimited).string(answer.revision);
  if (answer.isFull) writer.tag(2, WireType.Varint).bool(true);
  const { registrations, bundles, revocations, policy } = answer;
  if (registrations !== undefined)
    writer.tag(3, WireType.LengthDelimited).bytes(encoded(registrations, encodeRegistrations));
  if (bundles !== undefined) writer.tag(4, WireType.LengthDelimited).bytes(encoded(bundles, encodeBundles));
  if (revocations !== undefined)
    writer.tag(5, WireType.LengthDelimited).bytes(encoded(revocations, encodeRevocations));
  if (policy !== undefined) writer.tag(6, WireType.LengthDelimited).bytes(encoded(policy, encodePolicy));
  return writer.finish();
}

const known = new WeakMap<object, Uint8Array>();

function encoded<T>(part: SyncPart<T>, encode: (content: T) => Uint8Array): Uint8Array {
  let bytes = known.get(part);
  if (bytes === undefined) {
    bytes = encode(part.content);
    known.set(part, bytes);
  }
  return bytes;
}

function binary<D extends DescMessage>(schema: D, message: MessageShape<D>): Uint8Array {
  return toBinary(schema, message);
}

function encodeRegistrations(registrations: readonly Registration[]): Uint8Array {
  const items = registrations.map((one) =>
    create(RegistrationSchema, {
      name: one.name,
      spiffeId: one.spiffeId.uri,
      selectors: one.selectors.map(formatSelector),
      x509TtlSeconds: BigInt(one.x509SvidTtlSeconds ?? 0),
      jwtTtlSeconds: BigInt(one.jwtSvidTtlSeconds ?? 0),
      hint: one.hint ?? '',
      federatesWith: [...one.federatesWith],
      dnsNames: [...one.dnsNames],
    }),
  );
  return binary(RegistrationsSchema, create(RegistrationsSchema, { items }));
}

function encodeBundles(bundles: readonly AgentBundle[]): Uint8Array {
  return binary(BundlesSchema, create(BundlesSchema, { items: bundles.map(toBundle) }));
}

function encodeRevocations(content: RevocationContent): Uint8Array {
  const { taintedKeyIds, revokedKeyIds, deniedSerials, deniedSpiffeIds } = content;
  return binary(
    RevocationsSchema,
    create(RevocationsSchema, {
      taintedKeyIds: [...taintedKeyIds],
      revokedKeyIds: [...revokedKeyIds],
      deniedSerials: [...deniedSerials],
      deniedSpiffeIds: [...deniedSpiffeIds],
    }),
  );
}

function encodePolicy({ revision, contentJson }: PolicyContent): Uint8Array {
  return binary(PolicyDataSchema, create(PolicyDataSchema, { revision, contentJson }));
}

function toBundle(bundle: AgentBundle): Bundle {
  return create(BundleSchema, {
    trustDomain: bundle.trustDomain,
    sequence: bundle.sequence,
    refreshHintSeconds: BigInt(bundle.refreshHintSeconds),
    x509RootsDer: [...bundle.x509RootsDer],
    jwtKeys: bundle.jwtKeys.map(({ kid, jwk }) => ({ kid, jwkJson: JSON.stringify(jwk) })),
    crlsDer: [...bundle.crlsDer],
    knownIssuersDer: [...bundle.knownIssuersDer],
  });
}
