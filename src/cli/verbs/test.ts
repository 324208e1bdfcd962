import { dirname, join, resolve } from 'node:path';
import {
  readTests,
  runSuites,
  type Suite,
  type TestReport,
  type WrittenTest,
} from '../../operations/policy-files/index.ts';
import { formatJunit } from '../../policy/test/index.ts';
import { cliErrors } from '../frame/errors.ts';
import { type ExitCode, exitCodes } from '../frame/exit-codes.ts';
import { writeOne } from '../frame/files.ts';
import { apiVersion } from '../frame/output.ts';
import { readResourceFiles } from '../frame/resource-files.ts';
import { usageError } from '../frame/usage.ts';
import type { Verb, VerbContext } from '../frame/verb.ts';
import { type PolicyFileOptions, readPolicies, refuseErrors } from '../policy/open.ts';
import { printReport } from '../policy/test-text.ts';

interface Options extends PolicyFileOptions {
  readonly junit?: string;
  readonly coverage?: boolean;
  readonly minCoverage?: string;
}

/**
 * The tests by the policies they are about. A test that names none is about everything that was read; one that does is
 * about just that, so that directories with meshes of their own can be tested in one go.
 */
async function readSuites(
  context: VerbContext,
  paths: readonly string[],
  options: Options,
): Promise<readonly Suite[]> {
  const { result } = await readResourceFiles(context.io, paths, {
    defaultNamespace: options.namespace ?? 'default',
  });
  const tests = readTests(result);
  // Objects of one name in two directories are two meshes, when each has its own tests.
  const isSplit = tests.length > 0 && tests.every(({ definition }) => definition.policies.length > 0);
  refuseErrors(
    context,
    [...result.findings, ...tests.flatMap(({ findings }) => findings)].filter(
      ({ code }) => !isSplit || code !== writtenTwice,
    ),
  );
  if (tests.length === 0) throw cliErrors.NO_POLICY_TESTS();
  const suites: Suite[] = [];
  for (const [key, group] of Map.groupBy(tests, policyPaths)) {
    const own = key === '' ? result : await readPolicies(context, JSON.parse(key) as string[], options);
    suites.push({ resources: own.resources, tests: group });
  }
  return suites;
}

const writtenTwice = 'CAS0917';

/** The paths that a test names, from where the command runs; empty for a test about everything. */
function policyPaths({ definition, file }: WrittenTest): string {
  if (definition.policies.length === 0) return '';
  const home = file === '-' ? '.' : dirname(file);
  return JSON.stringify(definition.policies.map((path) => join(home, path)).sort());
}

function readMinimum(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text.replace(/%$/, ''));
  if (!Number.isFinite(number) || number < 0 || number > 100)
    throw usageError('`--min-coverage` is a percentage from 0 to 100');
  return number;
}

function print(context: VerbContext, report: TestReport, options: Options): void {
  const { out, io } = context;
  if (options.junit !== undefined)
    writeOne(resolve(io.cwd, options.junit), formatJunit(report.results), 0o644);
  const failed = report.results.filter(({ passed }) => !passed);
  if (out.format === 'junit') out.line(formatJunit(report.results).trimEnd());
  else if (out.isStructured)
    out.document({
      apiVersion,
      kind: 'PolicyTestReport',
      passed: report.results.length - failed.length,
      failed: failed.length,
      coverage: report.coverage,
      items: report.results.map(({ decision, cell, ...result }) => ({ ...result, ...cell, decision })),
    });
  else if (out.format === 'name')
    for (const { file, line, name } of failed) out.line(`${file}:${line} ${name}`);
  else printReport(context, report, options.coverage === true);
}

export const test: Verb = {
  configure: (command, frame) => {
    command
      .argument(
        '<files...>',
        'policies and PolicyTests: YAML or JSON files, directories, or - for standard input',
      )
      .option('--junit <file>', 'write the results for a CI system as well')
      .option('--coverage', 'list the rules and clauses that no case reached')
      .option('--min-coverage <percent>', 'exit with 1 when fewer rules than this were reached')
      .option('-n, --namespace <name>', 'the namespace of documents that name none')
      .addHelpText(
        'after',
        '\nA test is about all the policies given, unless its `policies` names files and directories beside it.\nOutput formats: table, wide, json, yaml, name (what failed), junit.\nExit code 1: a case failed, or too few rules were reached. 65: a file has errors, or there is no test.',
      )
      .action(
        frame.action<Options>(async (context, paths, options): Promise<ExitCode | undefined> => {
          const minimum = readMinimum(options.minCoverage);
          const report = runSuites(await readSuites(context, paths, options));
          print(context, report, options);
          const { covered, total } = report.coverage.rules;
          const isTooLittle = minimum !== undefined && total > 0 && (covered / total) * 100 < minimum;
          if (isTooLittle)
            context.out.note(
              `fewer rules were reached than --min-coverage ${options.minCoverage ?? ''} asks for`,
            );
          return isTooLittle || report.results.some(({ passed }) => !passed) ? exitCodes.no : undefined;
        }),
      );
    frame.formats(command, ['junit']);
  },
};
