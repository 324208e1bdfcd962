import { type DescFile, type DescService, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { ReflectionService } from '@grpc/reflection';
import type { GrpcDoor } from '../../wire/grpc/server.ts';

/** gRPC reflection (v1 and v1alpha) over our generated descriptors. Off unless switched on. */
export async function reflectionDoors(services: readonly DescService[]): Promise<GrpcDoor[]> {
  // Read only when it is wanted: the library brings a protobuf runtime of its own.
  const { ReflectionService: Reflection } = await import('@grpc/reflection');
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

type ReflectionPackage = ConstructorParameters<typeof ReflectionService>[0];

function collect(file: DescFile, into: Map<string, Buffer>): void {
  const name = file.proto.name ?? file.name;
  if (into.has(name)) return;
  into.set(name, Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)));
  for (const dependency of file.dependencies) collect(dependency, into);
}
