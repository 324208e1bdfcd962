import { openPolicyFiles, type PolicyFiles, readTests } from '../../operations/policy-files/index.ts';
import { compareFindings, type Finding, hasErrors, type ParseResult } from '../../resources/index.ts';
import { cliErrors } from '../frame/errors.ts';
import { readResourceFiles } from '../frame/resource-files.ts';
import type { VerbContext } from '../frame/verb.ts';
import { printFindings } from '../verbs/apply.ts';

/** Flags of every verb that works on policies in files. */
export interface PolicyFileOptions {
  readonly namespace?: string;
  readonly strict?: boolean;
}

export function collect(text: string, texts: readonly string[]): readonly string[] {
  return [...texts, text];
}

/** Reads the files; an error in one of them is printed with its place and ends the verb with exit code 65. */
export async function readPolicies(
  context: VerbContext,
  paths: readonly string[],
  options: PolicyFileOptions,
): Promise<ParseResult> {
  const { result } = await readResourceFiles(context.io, paths, {
    defaultNamespace: options.namespace ?? 'default',
  });
  refuseErrors(context, result.findings);
  return result;
}

/** The same, compiled and with the workloads that the files tell of. */
export async function openPolicies(
  context: VerbContext,
  paths: readonly string[],
  options: PolicyFileOptions,
): Promise<PolicyFiles> {
  const result = await readPolicies(context, paths, options);
  refuseErrors(
    context,
    readTests(result).flatMap(({ findings }) => findings),
  );
  return openPolicyFiles(result, {
    defaultNamespace: options.namespace ?? 'default',
    strict: options.strict === true,
  });
}

export function refuseErrors(context: VerbContext, findings: readonly Finding[]): void {
  if (!hasErrors(findings)) return;
  const errors = findings.filter(({ severity }) => severity === 'error').sort(compareFindings);
  printFindings(context, errors);
  throw cliErrors.POLICY_FILES_REFUSED();
}
