import { resolve } from 'node:path';
import { archiveAuthority } from '../../app/authority-archive.ts';
import { connect } from '../client/connect.ts';
import { writeOne } from '../frame/files.ts';
import { declareSettings, readSettings } from '../frame/settings-flags.ts';
import { starting } from '../frame/start.ts';
import { usageError } from '../frame/usage.ts';
import type { Verb, VerbContext } from '../frame/verb.ts';

interface Options extends Record<string, unknown> {
  readonly keys?: string;
  readonly keysPassphraseFile?: string;
}

const help = `
FILE gets records, resources, revocations and the audit log, from a running server, and no private key.
--keys gets the signing keys and their journal, from the state directory on this machine, sealed with the passphrase:
run it as the user of the server. Keep the two apart, and the passphrase apart from both.`;

interface Written {
  readonly file: string;
  readonly bytes: number;
  readonly at: string;
}

async function writeRecords(context: VerbContext, file: string): Promise<Written> {
  const path = resolve(context.io.cwd, file);
  const copy = await connect(context).download({ method: 'POST', path: '/backups' });
  writeOne(path, copy.body, 0o600);
  return { file: path, bytes: copy.body.length, at: String(copy.headers['x-castellan-backup-at']) };
}

async function writeKeys(context: VerbContext, file: string, options: Options) {
  const { io } = context;
  const passphraseFile = options.keysPassphraseFile;
  if (passphraseFile === undefined)
    throw usageError('keys are written sealed only', 'name a passphrase: --keys-passphrase-file FILE');
  const { settings } = readSettings(io, options);
  const archive = await starting(() => archiveAuthority(settings, resolve(io.cwd, passphraseFile)));
  const path = resolve(io.cwd, file);
  writeOne(path, archive.text, 0o600);
  return { file: path, bytes: Buffer.byteLength(archive.text), keys: archive.keys };
}

export const backup: Verb = {
  configure: (command, frame) => {
    declareSettings(command);
    command
      .argument('[file]', 'where to write the copy of the records (mode 0600)')
      .option('--keys <file>', 'where to write the signing keys, sealed')
      .option(
        '--keys-passphrase-file <file>',
        'the passphrase (file of mode 0600 or stricter) that seals them',
      )
      .addHelpText('after', help)
      .action(
        frame.action<Options>(async (context, [file], options) => {
          const { out, style } = context;
          if (file === undefined && options.keys === undefined)
            throw usageError('say where to: a file for the records, --keys for the keys, or both');
          // Records first: what they speak of, the keys of a moment later know.
          const records = file === undefined ? undefined : await writeRecords(context, file);
          const keys =
            options.keys === undefined ? undefined : await writeKeys(context, options.keys, options);
          const lines = [
            ...(records === undefined
              ? []
              : [`${style.ok} ${records.bytes} bytes to ${records.file}, as of ${records.at}`]),
            ...(keys === undefined
              ? []
              : [`${style.ok} ${keys.keys.length} keys to ${keys.file}, sealed: ${keys.keys.join(', ')}`]),
          ];
          const names = [records?.file, keys?.file].filter((name) => name !== undefined);
          out.item(
            {
              kind: 'Backup',
              columns: [],
              name: () => names.join('\n'),
              toJson: () => ({ ...records, ...(keys === undefined ? {} : { keys }) }),
            },
            undefined,
            lines.join('\n'),
          );
          return undefined;
        }),
      );
  },
};
