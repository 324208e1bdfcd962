import { buildInfo } from '../../app/settings/build-info.ts';
import { apiVersion } from '../frame/output.ts';
import type { Verb } from '../frame/verb.ts';

export const version: Verb = {
  configure: (command, frame) => {
    command.action(
      frame.action(({ out }) => {
        const info = buildInfo();
        if (out.isStructured) out.document({ apiVersion, kind: 'Version', client: info });
        else out.line(`castellan ${info.version} (node ${info.node})`);
        return undefined;
      }),
    );
  },
};
