import { effectivePeerAuthentications, policiesFor, type WorkloadFacts } from '../../policy/index.ts';
import { connect } from '../client/connect.ts';
import type { ListAnswer, ResourceJson, WorkloadPolicyJson } from '../client/types.ts';
import type { ExitCode } from '../frame/exit-codes.ts';
import { apiVersion } from '../frame/output.ts';
import { usageError } from '../frame/usage.ts';
import type { Verb, VerbContext } from '../frame/verb.ts';
import { describeWorkload } from '../policy/describe-text.ts';
import { collect, openPolicies, type PolicyFileOptions } from '../policy/open.ts';
import { rulesInWords } from '../policy/rule-words.ts';

interface Options extends PolicyFileOptions {
  readonly filename: readonly string[];
}

const example = 'castellan describe workload/cart -f policies/';

/** `workload/NAME`, `workload NAME` or `NAME`. */
function nameOf(words: readonly string[]): string {
  const text = words.join('/').replace(/^workloads?\//, '');
  if (text === '' || words.length > 2) throw usageError('which workload is meant is not said', example);
  return text;
}

async function describeFromFiles(context: VerbContext, name: string, options: Options): Promise<undefined> {
  const files = await openPolicies(context, options.filename, options);
  const found = files.workloads.find(name, options.namespace);
  if (!found.ok) throw usageError(found.problem, found.next);
  const { facts, origin } = found.found;
  const mtls = effectivePeerAuthentications(files.snapshot, facts);
  const policies = policiesFor(files.snapshot, facts).map((applied) => ({
    ...applied,
    says: rulesInWords(files.snapshot, applied.policy),
  }));
  if (context.out.isStructured)
    context.out.document({
      apiVersion,
      kind: 'WorkloadPolicy',
      ...plainFacts(facts),
      origin,
      revision: files.snapshot.revision,
      mtls,
      policies,
    });
  else if (context.out.format === 'name')
    for (const { policy } of policies) context.out.line(`${policy.kind} ${policy.namespace}/${policy.name}`);
  else context.out.line(describeWorkload(context, { facts, origin, mtls, policies }));
  return undefined;
}

function plainFacts({ namespace, name, labels, serviceAccount, ports, proxy }: WorkloadFacts): object {
  return {
    namespace,
    name,
    labels: Object.fromEntries(labels),
    serviceAccount,
    ports: Object.fromEntries(ports ?? []),
    proxy: proxy ?? 'sidecar',
  };
}

/** What the server has in force; it knows the workloads of its WorkloadEntries. */
async function describeFromServer(context: VerbContext, name: string, options: Options): Promise<undefined> {
  const [before, after] = name.includes('/') ? name.split('/') : name.split('.').reverse();
  const workload = after ?? before ?? '';
  const namespace = after === undefined ? (options.namespace ?? 'default') : (before ?? '');
  const found = await connect(context).get<WorkloadPolicyJson>(
    `/workloads/${encodeURIComponent(namespace)}/${encodeURIComponent(workload)}`,
  );
  if (context.out.isStructured) context.out.document(found);
  else if (context.out.format === 'name')
    for (const { policy } of found.policies)
      context.out.line(`${policy.kind} ${policy.namespace}/${policy.name}`);
  else {
    const facts = { namespace: found.namespace, name: found.name, labels: new Map<string, string>() };
    context.out.line(
      describeWorkload(context, { facts, origin: 'the server', mtls: found.mtls, policies: found.policies }),
    );
  }
  return undefined;
}

export const describe: Verb = {
  configure: (command, frame) => {
    command
      .argument('<workload...>', 'workload/NAME, NAME.NAMESPACE or NAMESPACE/NAME')
      .option(
        '-f, --filename <file>',
        'policies and workloads in files, without a server; may be repeated',
        collect,
        [],
      )
      .option('--strict', 'as strict mode decides')
      .option('-n, --namespace <name>', 'the namespace of names and documents that have none')
      .addHelpText(
        'after',
        `\nShows the effective mutual TLS of each port and which policy sets it, then every policy that has a say, in the\norder of evaluation. With -f the workload may be a WorkloadEntry, a Deployment or another maker of pods, a Service,\nor one of a PolicyTest.\nExample: ${example}`,
      )
      .action(
        frame.action<Options>(
          async (context, words, options): Promise<ExitCode | undefined> =>
            options.filename.length > 0
              ? describeFromFiles(context, nameOf(words), options)
              : describeFromServer(context, nameOf(words), options),
        ),
      );
    frame.complete(command, async (context) => {
      const { items } = await connect(context).get<ListAnswer<ResourceJson>>('/resources', {
        kind: 'WorkloadEntry',
      });
      return items.map(({ metadata }) => `workload/${metadata.name}`);
    });
  },
};
