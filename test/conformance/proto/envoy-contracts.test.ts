import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type DescEnum, type DescField, type DescMessage, fromBinary, isFieldSet } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import {
  SecretSchema,
  SPIFFECertValidatorConfigSchema,
} from '../../../src/wire/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import {
  Authorization,
  CheckRequestSchema,
  CheckResponseSchema,
} from '../../../src/wire/gen/envoy/service/auth/v3/external_auth_pb.js';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '../../../src/wire/gen/envoy/service/discovery/v3/discovery_pb.js';
import { SecretDiscoveryService } from '../../../src/wire/gen/envoy/service/secret/v3/sds_pb.js';

const root = join(import.meta.dirname, '../../..');

interface Oracle {
  readonly messages: ReadonlyMap<string, DescriptorProto>;
  readonly enums: ReadonlyMap<string, EnumDescriptorProto>;
}

const services = ['service/auth/v3', 'service/secret/v3', 'extensions/transport_sockets/tls/v3'];

/** Every message and enum that Envoy's own files, as another project ships them, define on the way to the Check and to secrets. */
function readOracle(): Oracle {
  const deps = join(root, 'node_modules/@grpc/grpc-js-xds/deps');
  const workspace = ['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map(
    (name) => `../deps/${name}`,
  );
  const config = JSON.stringify({
    version: 'v2',
    modules: workspace.map((path) => ({ path: path.slice(8) })),
  });
  const bytes = execFileSync(
    join(root, 'node_modules/.bin/buf'),
    [
      'build',
      deps,
      '--config',
      config,
      ...services.flatMap((path) => ['--path', join(deps, 'envoy-api/envoy', path)]),
      '-o',
      '-#format=binpb',
    ],
    { maxBuffer: 64 * 1024 * 1024 },
  );
  const messages = new Map<string, DescriptorProto>();
  const enums = new Map<string, EnumDescriptorProto>();
  const walk = (prefix: string, message: DescriptorProto) => {
    const name = `${prefix}.${message.name}`;
    messages.set(name, message);
    for (const inner of message.nestedType) walk(name, inner);
    for (const inner of message.enumType) enums.set(`${name}.${inner.name}`, inner);
  };
  for (const file of fromBinary(FileDescriptorSetSchema, bytes).file) {
    for (const message of file.messageType) walk(file.package, message);
    for (const one of file.enumType) enums.set(`${file.package}.${one.name}`, one);
  }
  return { messages, enums };
}

const oracle = readOracle();

/** By number `name:type`, with `[]` for repeated and the oneof it is in; map entries by what they hold. */
function describeMessage(message: DescriptorProto): Map<number, string> {
  return new Map(
    message.field.map((field) => {
      const entry = message.nestedType.find(
        (inner) => inner.options?.mapEntry && field.typeName.endsWith(`.${inner.name}`),
      );
      const map = entry === undefined ? '' : ` map ${JSON.stringify([...describeMessage(entry)])}`;
      const label = field.label === FieldDescriptorProto_Label.REPEATED ? '[]' : '';
      const oneof = isFieldSet(field, FieldDescriptorProtoSchema.field.oneofIndex)
        ? ` of ${message.oneofDecl[field.oneofIndex]?.name}`
        : '';
      return [
        field.number,
        `${field.name}:${FieldDescriptorProto_Type[field.type]}${field.typeName}${label}${oneof}${map}`,
      ];
    }),
  );
}

/** Fields that are newer than the oracle: the number comes from Envoy's own repository. */
const newer = new Map([['envoy.service.auth.v3.CheckResponse', new Set([5])]]);

function reachable(start: readonly DescMessage[]): { messages: DescMessage[]; enums: DescEnum[] } {
  const messages = new Set<DescMessage>();
  const enums = new Set<DescEnum>();
  const visitField = (field: DescField) => {
    if (field.message !== undefined && !field.message.typeName.startsWith('google.protobuf.'))
      visit(field.message);
    if (field.enum !== undefined) enums.add(field.enum);
  };
  const visit = (message: DescMessage) => {
    if (messages.has(message)) return;
    messages.add(message);
    for (const field of message.fields) visitField(field);
  };
  for (const message of start) visit(message);
  return { messages: [...messages], enums: [...enums] };
}

const ours = reachable([
  CheckRequestSchema,
  CheckResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  SecretSchema,
  SPIFFECertValidatorConfigSchema,
]);

describe('the secret discovery service on the wire', () => {
  it('has the paths that Envoy calls (sds:2.1/1)', () => {
    expect(SecretDiscoveryService.typeName).toBe('envoy.service.secret.v3.SecretDiscoveryService');
    expect(SecretDiscoveryService.methods.map((m) => [m.name, m.methodKind])).toEqual([
      ['DeltaSecrets', 'bidi_streaming'],
      ['StreamSecrets', 'bidi_streaming'],
      ['FetchSecrets', 'unary'],
    ]);
  });
});

describe('the authorization service on the wire', () => {
  it('has the path that Envoy calls', () => {
    expect(Authorization.typeName).toBe('envoy.service.auth.v3.Authorization');
    expect(Authorization.methods.map((m) => [m.name, m.methodKind])).toEqual([['Check', 'unary']]);
  });

  it('is read from an oracle that knows the service', () => {
    expect(oracle.messages.size).toBeGreaterThan(100);
    expect(ours.messages.length).toBeGreaterThan(15);
  });

  it.each(ours.messages.map((message) => ({ name: message.typeName, message })))(
    '$name has the numbers, types, labels and oneofs of the independent descriptor',
    ({ name, message }) => {
      const independent = oracle.messages.get(name);
      expect(independent, `${name} is in the independent descriptor`).toBeDefined();
      const theirs = describeMessage(independent as DescriptorProto);
      for (const [number, text] of describeMessage(message.proto)) {
        if (newer.get(name)?.has(number) && !theirs.has(number)) continue;
        const key = `${name}#${number} `;
        expect(key + text).toBe(key + (theirs.get(number) ?? 'nothing'));
      }
    },
  );

  it.each(ours.enums.map((one) => ({ name: one.typeName, one })))(
    '$name has the values of the independent descriptor',
    ({ name, one }) => {
      const values = (e: EnumDescriptorProto | undefined) => e?.value.map((v) => `${v.name}=${v.number}`);
      expect(values(one.proto)).toEqual(values(oracle.enums.get(name)));
    },
  );
});
