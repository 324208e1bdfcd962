import type { Message } from '@bufbuild/protobuf';
import { type DescMethod, type DescService, toBinary } from '@bufbuild/protobuf';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';

const passBytes = (bytes: Buffer): Buffer => bytes;

function methodDefinition(service: DescService, method: DescMethod): MethodDefinition<Buffer, Message> {
  const kind = method.methodKind;
  return {
    path: `/${service.typeName}/${method.name}`,
    originalName: method.localName,
    requestStream: kind === 'client_streaming' || kind === 'bidi_streaming',
    responseStream: kind === 'server_streaming' || kind === 'bidi_streaming',
    requestSerialize: passBytes,
    requestDeserialize: passBytes,
    responseSerialize: (message) => asBuffer(toBinary(method.output, message)),
    responseDeserialize: () => {
      throw new TypeError('a server does not read its own answers');
    },
  };
}

/**
 * A protobuf-es service as a grpc-js server wants it. Requests are handed on as bytes: the handler decodes them, so
 * that a malformed message is INVALID_ARGUMENT with our details rather than the library's INTERNAL.
 */
export function grpcService(service: DescService): ServiceDefinition {
  return Object.fromEntries(
    service.methods.map((method) => [method.localName, methodDefinition(service, method)]),
  );
}

/** The same service, with methods whose handlers encode their answers themselves. */
export function bytesAsTheyAre(definition: ServiceDefinition, methods: readonly string[]): ServiceDefinition {
  const pass = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Object.fromEntries(
    Object.entries(definition).map(([name, method]) => [
      name,
      methods.includes(name)
        ? { ...method, responseSerialize: pass as typeof method.responseSerialize }
        : method,
    ]),
  );
}

/** The same, for a door whose streams hand over messages that are encoded already. */
export function grpcServiceOfBytes(service: DescService): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(grpcService(service)).map(([name, method]) => [
      name,
      method.responseStream ? { ...method, responseSerialize: asBuffer } : method,
    ]),
  );
}

/** The same octets as the library wants them, not copied. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
