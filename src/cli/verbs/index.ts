import type { VerbEntry } from '../frame/verb.ts';

/** Every verb, one line each. A verb's own file is read only when it is used. */
export const verbs: readonly VerbEntry[] = [
  {
    name: 'completion',
    summary: 'print the completion script of a shell',
    group: 'More',
    load: async () => (await import('./completion.ts')).completion,
  },
  {
    name: 'version',
    summary: 'print the version of this program, and of the server if one answers',
    group: 'More',
    load: async () => (await import('./version.ts')).version,
  },
];
