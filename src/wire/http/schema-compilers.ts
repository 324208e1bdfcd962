import { createRequire } from 'node:module';
import type { BuildCompilerFromPool as BuildValidator } from '@fastify/ajv-compiler';
import type { SerializerFactory as BuildSerializer } from '@fastify/fast-json-stringify-compiler';

const require = createRequire(import.meta.url);
const once = <T>(make: () => T): (() => T) => {
  let made: T | undefined;
  return () => (made ??= make());
};

const validatorBuilder = once(() => (require('@fastify/ajv-compiler') as () => BuildValidator)());
const serializerBuilder = once(() =>
  (require('@fastify/fast-json-stringify-compiler') as () => BuildSerializer)(),
);

/**
 * Fastify's own compilers, but a schema becomes code when its route is first called. All of them at the start cost more
 * than a fifth of it, and memory for routes that nobody asks for.
 */
export const lazyCompilers: {
  readonly buildValidator: BuildValidator;
  readonly buildSerializer: BuildSerializer;
} = {
  buildValidator: (external, options) => {
    const compiler = once(() => validatorBuilder()(external, options));
    const compile = (definition: Parameters<ReturnType<BuildValidator>>[0]) => {
      const compiled = once(() => compiler()(definition) as Validator);
      const validate: Validator = (data) => {
        const holds = compiled()(data);
        // Fastify reads what is wrong from the function that it called.
        validate.errors = compiled().errors;
        return holds;
      };
      return validate;
    };
    return compile as unknown as ReturnType<BuildValidator>;
  },
  buildSerializer: (external, options) => {
    const compiler = once(() => serializerBuilder()(external, options));
    return (definition) => {
      const compiled = once(() => compiler()(definition));
      return (data: unknown) => compiled()(data);
    };
  },
};

interface Validator {
  (data: unknown): unknown;
  errors?: unknown;
}
