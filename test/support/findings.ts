import { parseResources } from '../../src/resources/parse.ts';

/** What is found in a text, as `severity CODE path`. */
export const findings = (text: string): readonly string[] =>
  parseResources(text, { file: 'a.yaml' }).findings.map((f) =>
    `${f.severity} ${f.code} ${f.path ?? ''}`.trim(),
  );

/** An object of the kind whose spec is the text, indented. */
export function object(kind: string, spec: string, annotations = ''): string {
  const group = kind.endsWith('Entry') ? 'networking.istio.io' : 'security.istio.io';
  const body = spec
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
  return `apiVersion: ${group}/v1\nkind: ${kind}\nmetadata: {name: a, namespace: shop${annotations}}\nspec:\n${body}\n`;
}

export const policy = (spec: string): string => object('AuthorizationPolicy', spec);
