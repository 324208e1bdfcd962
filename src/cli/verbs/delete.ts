import { parseResources } from '../../resources/index.ts';
import { connect } from '../client/connect.ts';
import type { ListAnswer, ResourceJson } from '../client/types.ts';
import { readInput } from '../frame/files.ts';
import { usageError } from '../frame/usage.ts';
import type { Verb, VerbContext } from '../frame/verb.ts';
import { findKind, kindNames } from './kinds.ts';

interface Options {
  readonly filename?: readonly string[];
  readonly namespace?: string;
  readonly dryRun?: boolean | string;
}

interface Target {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

function fromArguments(args: readonly string[], namespace: string): readonly Target[] {
  const [first = '', ...rest] = args;
  if (first.includes('/'))
    return args.map((arg) => {
      const [kind = '', name = ''] = arg.split('/', 2);
      return { kind: kindOf(kind), namespace, name };
    });
  return rest.map((name) => ({ kind: kindOf(first), namespace, name }));
}

function kindOf(text: string): string {
  const kind = findKind(text);
  if (kind === undefined)
    throw usageError(`\`${text}\` is no kind of resource`, `one of ${kindNames.join(', ')}`);
  return kind;
}

async function fromFiles(
  context: VerbContext,
  options: Options,
  namespace: string,
): Promise<readonly Target[]> {
  const targets: Target[] = [];
  for (const file of options.filename ?? []) {
    const { resources } = parseResources(await readInput(context.io, file), {
      file,
      defaultNamespace: namespace,
    });
    for (const { kind, metadata } of resources)
      targets.push({ kind, namespace: metadata.namespace, name: metadata.name });
  }
  return targets;
}

export const deleteVerb: Verb = {
  configure: (command, frame) => {
    command
      .argument('[what...]', 'KIND NAME …, or KIND/NAME …')
      .option('-f, --filename <file...>', 'delete what these files name')
      .option('-n, --namespace <name>', 'the namespace (default "default")')
      .option('--dry-run [where]', 'say what would happen and change nothing')
      .action(
        frame.action<Options>(async (context, args, options) => {
          const namespace = options.namespace ?? 'default';
          const targets = [
            ...fromArguments(args, namespace),
            ...(await fromFiles(context, options, namespace)),
          ];
          if (targets.length === 0) throw usageError('nothing to delete', 'castellan delete KIND NAME');
          const client = connect(context);
          const dryRun = options.dryRun !== undefined && options.dryRun !== false;
          const done: unknown[] = [];
          for (const { kind, namespace: at, name } of targets) {
            const answer = await client.call({
              method: 'DELETE',
              path: `/resources/${kind}/${at}/${name}`,
              query: { dryRun: dryRun ? 'true' : undefined },
            });
            done.push(answer.body);
            if (!context.out.isStructured)
              context.out.line(
                `${kind.toLowerCase()}/${name}${context.out.format === 'name' ? '' : dryRun ? ' would be deleted (dry run)' : ' deleted'}`,
              );
          }
          if (context.out.isStructured) context.out.document(done.length === 1 ? done[0] : done);
          return undefined;
        }),
      );
    frame.complete(command, async (context, typed) => {
      const kind = typed[0] === undefined ? undefined : findKind(typed[0]);
      if (kind === undefined) return kindNames;
      const { items } = await connect(context).get<ListAnswer<ResourceJson>>('/resources', { kind });
      return items.map(({ metadata }) => metadata.name);
    });
  },
};
