import { createRequire } from 'node:module';
import { type DescFile, type DescService, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { MethodDefinition, UntypedHandleCall } from '@grpc/grpc-js';
import type * as reflection from '@grpc/reflection';
import type { GrpcDoor } from '../../wire/grpc/server.ts';

type Library = typeof reflection;
type Method = MethodDefinition<unknown, unknown>;
type ReflectionPackage = ConstructorParameters<typeof reflection.ReflectionService>[0];

const require = createRequire(import.meta.url);
const method = 'ServerReflectionInfo';
const versions = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'];

/**
 * gRPC reflection (v1 and v1alpha) over our generated descriptors. The library, which brings a protobuf runtime of its
 * own, is read when somebody asks for the first time: most servers are never asked.
 */
export function reflectionDoors(services: readonly DescService[]): GrpcDoor[] {
  let doors: ReadonlyMap<string, GrpcDoor> | undefined;
  const doorOf = (path: string): GrpcDoor => {
    doors ??= new Map(openReflection(services).map((door) => [methodOf(door).path, door]));
    return doors.get(path) as GrpcDoor;
  };
  return versions.map((version) => {
    const path = `/${version}/${method}`;
    const definition: Method = {
      path,
      requestStream: true,
      responseStream: true,
      requestDeserialize: (bytes) => methodOf(doorOf(path)).requestDeserialize(bytes),
      requestSerialize: (request) => methodOf(doorOf(path)).requestSerialize(request),
      responseDeserialize: (bytes) => methodOf(doorOf(path)).responseDeserialize(bytes),
      responseSerialize: (response) => methodOf(doorOf(path)).responseSerialize(response),
    };
    const handle = (call: unknown) => handlerOf(doorOf(path))(call);
    return {
      definition: { [method]: definition },
      implementation: { [method]: handle as unknown as UntypedHandleCall },
    };
  });
}

const methodOf = ({ definition }: GrpcDoor) => definition[method] as unknown as Method;
const handlerOf = ({ implementation }: GrpcDoor) =>
  implementation[method] as unknown as (call: unknown) => void;

function openReflection(services: readonly DescService[]): GrpcDoor[] {
  const { ReflectionService: Reflection } = require('@grpc/reflection') as Library;
  const files = new Map<string, Buffer>();
  for (const { file } of services) collect(file, files);
  const definition = { castellan: { fileDescriptorProtos: [...files.values()] } };
  const doors: GrpcDoor[] = [];
  const reflection = new Reflection(definition as unknown as ReflectionPackage, {
    services: services.map(({ typeName }) => typeName),
  });
  reflection.addToServer({
    addService: (definition, implementation) => doors.push({ definition, implementation }),
  });
  return doors;
}

function collect(file: DescFile, into: Map<string, Buffer>): void {
  const name = file.proto.name ?? file.name;
  if (into.has(name)) return;
  into.set(name, Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)));
  for (const dependency of file.dependencies) collect(dependency, into);
}
