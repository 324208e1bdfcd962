/** docs/reference/settings.md: every setting, from the schema. */
import { fields } from '../../src/app/settings/index.ts';
import { istioNames, istioNamesWithoutEffect } from '../../src/app/settings/istio-names.ts';
import { mono, table, writeReference } from '../support/markdown.ts';

const rows = fields.map(({ name, env, type, choices, fallback, description }) => [
  mono(name),
  mono(env),
  type === 'choice' ? choices.join(', ') : type,
  fallback === undefined ? '' : mono(typeof fallback === 'string' ? fallback : JSON.stringify(fallback)),
  description,
]);

writeReference(
  'settings.md',
  `# Settings

One file in YAML (\`castellan server --config FILE\`, \`castellan up --config FILE\`), environment variables and flags. A flag wins over the environment, the environment over the file, the file over the default; \`castellan get config --show-origin\` says which won. \`fooBar\` in the file is \`CASTELLAN_FOO_BAR\` in the environment; lists in the environment are separated by commas. An unknown name is an error. Secrets are never settings: settings name the file, variable or descriptor that holds them. Relative paths start at the directory of the file they are written in.

${table(['setting', 'environment', 'type', 'default', 'meaning'], rows)}
## Names of Istio

These environment names of istiod mean one of our settings; a \`CASTELLAN_\` name wins over them.

${table(
  ['Istio', 'setting'],
  Object.entries(istioNames).map(([from, to]) => [mono(from), mono(to)]),
)}
These are recognised and answered with a notice at start, since they have no effect here:

${table(
  ['Istio', 'instead'],
  Object.entries(istioNamesWithoutEffect).map(([from, instead]) => [mono(from), instead]),
)}`,
);
