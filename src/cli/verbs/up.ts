import { extname, relative } from 'node:path';
import type { RunningServer } from '../../app/server.ts';
import type { LoadedSettings } from '../../app/settings/index.ts';
import { buildInfo } from '../../app/settings/index.ts';
import { startUp } from '../../app/up.ts';
import { listRoots } from '../../operations/list-roots.ts';
import { apiVersion } from '../frame/output.ts';
import { declareSettings, readSettings } from '../frame/settings-flags.ts';
import { serve } from '../frame/start.ts';
import { formatRelative } from '../frame/times.ts';
import type { Verb, VerbContext } from '../frame/verb.ts';
import { demoRotation } from './demo-rotation.ts';
import { grouped } from './nouns.ts';

type Started = RunningServer & { readonly isNew: boolean };

/** Only what is true of this start. */
function banner(context: VerbContext, { settings }: LoadedSettings, server: Started): string {
  const { io, style } = context;
  const { authority, paths } = server.state;
  const line = (what: string, value: string) => `  ${style.ok} ${what.padEnd(21)} ${value}`;
  const certificates = listRoots(authority).filter(({ state }) => state !== 'old');
  const ends = (at: number) => `ends ${formatRelative(at, io.now())}`;
  const lines = certificates.flatMap((one) => {
    const renews = one.renewsAt === undefined ? '' : ', renews itself';
    if (one.role === 'intermediate') return [line('intermediate', `${ends(one.notAfter)}${renews}`)];
    const made = server.isNew && one.state === 'active' ? 'root created' : 'root';
    return [
      line(made, `${settings.trustDomain}   ${ends(one.notAfter)}`),
      `    ${style.dim('fingerprint')}           ${grouped(one.sha256.slice(0, 32))} ... (whole: castellan get roots -o name)`,
    ];
  });
  const { endpoints } = server;
  const socket = endpoints.adminSocket.slice('unix:'.length);
  lines.push(line('CSR API (gRPC, TLS)', endpoints.csr));
  if (endpoints.csrPlaintext !== undefined) lines.push(line('CSR API, plaintext', endpoints.csrPlaintext));
  lines.push(line('ext_authz', `${endpoints.extAuthz} gRPC, ${endpoints.extAuthzHttp} HTTP`));
  if (endpoints.workloadApi !== undefined)
    lines.push(line('Workload API', `unix:${shorter(io.cwd, endpoints.workloadApi.slice('unix:'.length))}`));
  lines.push(line('admin API', `unix:${shorter(io.cwd, socket)} and https://${endpoints.admin}`));
  lines.push(line('metrics and probes', `http://${endpoints.observability}`));
  // From a checkout the command is not on the path.
  const command = extname(import.meta.url) === '.ts' ? 'bin/castellan' : 'castellan';
  const example = `${command} issue spiffe://${settings.trustDomain}/ns/shop/sa/cart --out certs/dev`;
  return [
    `castellan ${buildInfo().version}   state in ${shorter(io.cwd, paths.directory)}`,
    '',
    ...lines,
    '',
    ...server.notices.map((notice) => `  ${style.warning} ${notice}`),
    'Next',
    `  ${example}`,
    `  ${command} check`,
    'Ctrl-C stops the server; what it holds is kept.',
  ].join('\n');
}

function shorter(cwd: string, path: string): string {
  const near = relative(cwd, path);
  return near.startsWith('..') ? path : `./${near}`;
}

export const up: Verb = {
  configure: (command, frame) => {
    declareSettings(command);
    command
      .option(
        '--demo-rotation',
        'show a root being replaced under load, on a server of its own; about two minutes',
      )
      .addHelpText(
        'after',
        '\nMakes an authority in an empty state directory, and starts the one that is there otherwise.',
      )
      .action(
        frame.action<Record<string, unknown>>((context, _args, options) => {
          if (options.demoRotation === true) return demoRotation(context, options);
          const { io, out } = context;
          const loaded = readSettings(io, options);
          return serve(context, loaded, {
            start: (environment) => startUp({ loaded, environment }),
            announce: (server) => {
              if (out.isStructured) out.document({ apiVersion, kind: 'Endpoints', ...server.endpoints });
              else if (!out.options.quiet) out.line(banner(context, loaded, server));
            },
          });
        }),
      );
  },
};
