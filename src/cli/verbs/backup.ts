import { resolve } from 'node:path';
import { connect } from '../client/connect.ts';
import { writeOne } from '../frame/files.ts';
import type { Verb } from '../frame/verb.ts';

export const backup: Verb = {
  configure: (command, frame) => {
    command
      .argument('<file>', 'where to write the copy (mode 0600)')
      .addHelpText(
        'after',
        '\nThe copy holds records, resources, revocations and the audit log, and no private key:\nkeep the `authority` directory of the state directory too, as you keep keys.',
      )
      .action(
        frame.action(async (context, [file = '']) => {
          const path = resolve(context.io.cwd, file);
          const copy = await connect(context).download({ method: 'POST', path: '/backups' });
          writeOne(path, copy.body, 0o600);
          const at = copy.headers['x-castellan-backup-at'];
          context.out.item(
            {
              kind: 'Backup',
              columns: [],
              name: () => path,
              toJson: () => ({ file: path, bytes: copy.body.length, at }),
            },
            path,
            `${context.style.ok} ${copy.body.length} bytes to ${path}, as of ${String(at)}`,
          );
          return undefined;
        }),
      );
  },
};
