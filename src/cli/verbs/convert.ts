import { type Converted, convertLegacy } from '../../policy/legacy/index.ts';
import { compareFindings, hasErrors } from '../../resources/index.ts';
import { type ExitCode, exitCodes } from '../frame/exit-codes.ts';
import { apiVersion } from '../frame/output.ts';
import { readResourceFiles } from '../frame/resource-files.ts';
import type { Verb, VerbContext } from '../frame/verb.ts';
import { printable } from '../frame/width.ts';
import { formatYaml } from '../frame/yaml-text.ts';
import { printFindings } from './apply.ts';

interface Options {
  readonly namespace?: string;
  readonly rootNamespace: string;
}

/** The manifests as a YAML stream; above each stands what it was made of. */
function print({ out }: VerbContext, converted: readonly Converted[]): void {
  for (const [i, { origin, manifest }] of converted.entries()) {
    if (i > 0) out.line('---');
    const { file, line } = origin.root;
    out.line(
      `# from ${origin.kind} ${printable(`${origin.namespace}/${origin.name}`)} (${printable(file)}:${line})`,
    );
    out.line(formatYaml(manifest).trimEnd());
  }
}

export const convert: Verb = {
  configure: (command, frame) => {
    command
      .argument('<files...>', 'YAML or JSON files, directories, or - for standard input')
      .option('--root-namespace <name>', 'where policies for the whole mesh go', 'istio-system')
      .option('-n, --namespace <name>', 'the namespace of documents that name none', 'default')
      .addHelpText(
        'after',
        '\nReads Policy, MeshPolicy, ServiceRole, ServiceRoleBinding, RbacConfig and ClusterRbacConfig; Kubernetes Services\namong the files tell the labels and ports of the workloads. What has no exact equal is said on standard error.\nExit code 1: something could not be converted.',
      )
      .action(
        frame.action<Options>(async (context, paths, options): Promise<ExitCode | undefined> => {
          const defaultNamespace = options.namespace ?? 'default';
          const { result } = await readResourceFiles(context.io, paths, { defaultNamespace });
          const answer = convertLegacy(result, { defaultNamespace, rootNamespace: options.rootNamespace });
          const findings = [...result.findings, ...answer.findings].sort(compareFindings);
          if (context.out.isStructured && context.out.format === 'json') {
            const items = answer.converted.map(({ manifest }) => manifest);
            context.out.document({ apiVersion, kind: 'Conversion', findings, items });
          } else {
            print(context, answer.converted);
            printFindings(context, findings);
          }
          if (result.legacy.length === 0) context.out.note('no policy of Istio 1.0 to 1.4 was found');
          return hasErrors(findings) ? exitCodes.no : undefined;
        }),
      );
  },
};
