import { buildInfo } from '../../app/settings/build-info.ts';
import { isCastellanError } from '../../base/errors.ts';
import { connect } from '../client/connect.ts';
import { apiVersion } from '../frame/output.ts';
import type { Verb, VerbContext } from '../frame/verb.ts';

type ServerVersion = Readonly<Record<string, string>>;

/** The server's version, if one is known here and answers. */
async function askServer(context: VerbContext): Promise<ServerVersion | undefined> {
  try {
    return await connect(context).get<ServerVersion>('/version');
  } catch (error) {
    const isAbsent = isCastellanError(error) && context.global.server === undefined;
    if (isAbsent) return undefined;
    throw error;
  }
}

export const version: Verb = {
  configure: (command, frame) => {
    command.option('--client', 'do not ask a server').action(
      frame.action<{ readonly client?: boolean }>(async (context, _args, options) => {
        const { out } = context;
        const client = buildInfo();
        const server = options.client === true ? undefined : await askServer(context);
        if (out.isStructured) out.document({ apiVersion, kind: 'Version', client, server });
        else {
          out.line(`castellan ${client.version} (node ${client.node})`);
          if (server !== undefined)
            out.line(`server    ${server.version ?? '?'} (node ${server.node ?? '?'})`);
        }
        return undefined;
      }),
    );
  },
};
