import type { VerbEntry } from '../frame/verb.ts';

/** Every verb, one line each, in the order of `castellan help`. A verb's own file is read only when it is used. */
export const verbs: readonly VerbEntry[] = [
  {
    name: 'up',
    summary: 'start everything in one process; makes an authority in an empty state directory',
    group: 'Begin',
    load: async () => (await import('./up.ts')).up,
  },
  {
    name: 'init',
    summary: 'make a new authority in an empty state directory',
    group: 'Begin',
    load: async () => (await import('./init.ts')).init,
  },
  {
    name: 'server',
    summary: 'run the server that init made',
    group: 'Begin',
    load: async () => (await import('./server.ts')).server,
  },
  {
    name: 'issue',
    summary: 'get a certificate; its key is made here and never sent',
    group: 'Certificates',
    load: async () => (await import('./issue.ts')).issue,
  },
  {
    name: 'inspect',
    summary: 'read and judge certificates, bundles and requests, in files or on a port',
    group: 'Certificates',
    load: async () => (await import('./inspect.ts')).inspect,
  },
  {
    name: 'token',
    summary: 'make join tokens',
    group: 'Certificates',
    load: async () => (await import('./token.ts')).token,
  },
  {
    name: 'revoke',
    summary: 'put a certificate or an identity on the deny list',
    group: 'Certificates',
    load: async () => (await import('./revoke.ts')).revoke,
  },
  {
    name: 'apply',
    summary: 'write resources from files, all or none',
    group: 'Policy',
    load: async () => (await import('./apply.ts')).apply,
  },
  {
    name: 'lint',
    summary: 'say what policies in files get wrong, where, why, and how to write it',
    group: 'Policy',
    load: async () => (await import('./lint.ts')).lint,
  },
  {
    name: 'test',
    summary: 'run PolicyTests: who may do what, checked against the policies in files',
    group: 'Policy',
    load: async () => (await import('./test.ts')).test,
  },
  {
    name: 'diff',
    summary: 'say what a change of policies does: who gains access and who loses it',
    group: 'Policy',
    load: async () => (await import('./diff.ts')).diff,
  },
  {
    name: 'convert',
    summary: 'write authentication and RBAC policies of Istio 1.0 to 1.4 as policies of today',
    group: 'Policy',
    load: async () => (await import('./convert.ts')).convert,
  },
  {
    name: 'simulate',
    summary: 'say what policies would have changed about recent decisions',
    group: 'Policy',
    load: async () => (await import('./simulate.ts')).simulate,
  },
  {
    name: 'delete',
    summary: 'delete resources',
    group: 'Policy',
    load: async () => (await import('./delete.ts')).deleteVerb,
  },
  {
    name: 'get',
    summary: 'list identities, roots, tokens, audit entries, settings and resources',
    group: 'Operate',
    load: async () => (await import('./get.ts')).get,
  },
  {
    name: 'describe',
    summary: 'show what applies to a workload: mutual TLS by port, policies in order',
    group: 'Operate',
    load: async () => (await import('./describe.ts')).describe,
  },
  {
    name: 'check',
    summary: 'say whether the server is well, with a hint for each finding',
    group: 'Operate',
    load: async () => (await import('./check.ts')).check,
  },
  {
    name: 'explain',
    summary: 'say why a request was denied or refused, or what an error code means',
    group: 'Operate',
    load: async () => (await import('./explain.ts')).explain,
  },
  {
    name: 'tail',
    summary: 'follow decisions as they are made',
    group: 'Operate',
    load: async () => (await import('./tail.ts')).tail,
  },
  {
    name: 'audit',
    summary: 'verify the audit log',
    group: 'Operate',
    load: async () => (await import('./audit.ts')).audit,
  },
  {
    name: 'backup',
    summary: 'write a consistent copy of the database to a file',
    group: 'Operate',
    load: async () => (await import('./backup.ts')).backup,
  },
  {
    name: 'restore',
    summary: 'bring a backup into a state directory without a database',
    group: 'Operate',
    load: async () => (await import('./restore.ts')).restore,
  },
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
