import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type DescMessage, fromBinary } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import {
  ErrorInfoSchema,
  RetryInfoSchema,
  StatusSchema,
} from '../../../src/wire/gen/google/rpc/status_pb.js';
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthListResponseSchema,
} from '../../../src/wire/gen/grpc/health/v1/health_pb.js';
import {
  file_istio_v1_auth_ca,
  IstioCertificateRequestSchema,
  IstioCertificateResponseSchema,
  IstioCertificateService,
} from '../../../src/wire/gen/istio/v1/auth/ca_pb.js';

const root = join(import.meta.dirname, '../../..');

/** `name=number:type`, with `[]` for repeated. */
function fieldsOf(message: DescriptorProto | undefined): string[] {
  return (message?.field ?? []).map(
    (field) =>
      `${field.name}=${field.number}:${FieldDescriptorProto_Type[field.type]}${field.typeName}` +
      (field.label === FieldDescriptorProto_Label.REPEATED ? '[]' : ''),
  );
}

function oracle(directory: string, ...paths: string[]): Map<string, DescriptorProto> {
  const base = join(root, 'node_modules', directory);
  const bytes = execFileSync(
    join(root, 'node_modules/.bin/buf'),
    ['build', base, ...paths.flatMap((path) => ['--path', join(base, path)]), '-o', '-#format=binpb'],
    { maxBuffer: 16 * 1024 * 1024 },
  );
  const found = new Map<string, DescriptorProto>();
  for (const file of fromBinary(FileDescriptorSetSchema, bytes).file)
    for (const message of file.messageType) found.set(`${file.package}.${message.name}`, message);
  return found;
}

describe('the CSR service on the wire', () => {
  it('has the package, path, fields and numbers that Istio’s agents use', () => {
    expect(file_istio_v1_auth_ca.proto.package).toBe('istio.v1.auth');
    expect(IstioCertificateService.typeName).toBe('istio.v1.auth.IstioCertificateService');
    expect(IstioCertificateService.methods.map((m) => [m.name, m.methodKind])).toEqual([
      ['CreateCertificate', 'unary'],
    ]);
    expect(fieldsOf(IstioCertificateRequestSchema.proto)).toEqual([
      'csr=1:STRING',
      'validity_duration=3:INT64',
      'metadata=4:MESSAGE.google.protobuf.Struct',
    ]);
    expect(fieldsOf(IstioCertificateResponseSchema.proto)).toEqual(['cert_chain=1:STRING[]']);
  });

  it('keeps field 2 of the request reserved', () => {
    expect(IstioCertificateRequestSchema.proto.reservedRange.map(({ start, end }) => [start, end])).toEqual([
      [2, 3],
    ]);
  });
});

describe('the shared messages agree with an independent descriptor', () => {
  const health = oracle('grpc-health-check/proto');
  const rpc = oracle(
    '@grpc/grpc-js-xds/deps/googleapis',
    'google/rpc/status.proto',
    'google/rpc/error_details.proto',
  );
  const cases: [DescMessage, Map<string, DescriptorProto>][] = [
    [HealthCheckRequestSchema, health],
    [HealthCheckResponseSchema, health],
    [HealthListResponseSchema, health],
    [StatusSchema, rpc],
    [ErrorInfoSchema, rpc],
    [RetryInfoSchema, rpc],
  ];

  it.each(cases.map(([schema, source]) => ({ schema, source, name: schema.typeName })))(
    '$name',
    ({ schema, source, name }) => {
      const independent = source.get(name);
      expect(independent, `${name} is in the independent descriptor`).toBeDefined();
      expect(fieldsOf(schema.proto)).toEqual(fieldsOf(independent));
      expect(schema.proto.enumType.map((e) => e.value.map((v) => `${v.name}=${v.number}`))).toEqual(
        independent?.enumType.map((e) => e.value.map((v) => `${v.name}=${v.number}`)),
      );
    },
  );
});
