import { resolve } from 'node:path';
import { systemEnvironment } from '../../app/environment.ts';
import { acceptStateLoss, type RestoredState, type RestoreFrom, restoreState } from '../../app/restore.ts';
import { apiVersion } from '../frame/output.ts';
import { declareSettings, readSettings } from '../frame/settings-flags.ts';
import { openLogger, starting } from '../frame/start.ts';
import { formatInstant } from '../frame/times.ts';
import { usageError } from '../frame/usage.ts';
import type { Verb, VerbContext } from '../frame/verb.ts';

interface Options extends Record<string, unknown> {
  readonly acceptLoss?: boolean;
  readonly keys?: string;
  readonly keysPassphraseFile?: string;
}

/** What was asked for, as absolute paths; undefined for `--accept-loss`. */
function sourceOf({ io }: VerbContext, file: string | undefined, options: Options): RestoreFrom | undefined {
  const { keys, keysPassphraseFile: passphraseFile } = options;
  const isLoss = options.acceptLoss === true;
  if (isLoss === (file !== undefined)) throw usageError('name a backup file, or say --accept-loss');
  if ((keys === undefined) !== (passphraseFile === undefined))
    throw usageError('--keys and --keys-passphrase-file go together');
  if (file === undefined && keys !== undefined)
    throw usageError('--keys goes with a backup file', 'name the backup of the records too');
  if (file === undefined) return undefined;
  const path = (name: string) => resolve(io.cwd, name);
  const backupFile = path(file);
  if (keys === undefined || passphraseFile === undefined) return { backupFile };
  return { backupFile, keys: { file: path(keys), passphraseFile: path(passphraseFile) } };
}

function print({ out, style }: VerbContext, restored: RestoredState): void {
  if (out.isStructured) {
    out.document({
      apiVersion,
      kind: 'Restoration',
      ...restored,
      backupAt: formatInstant(restored.backupAt),
    });
    return;
  }
  out.line(
    `${style.ok} restored as of ${formatInstant(restored.backupAt)}, serial epoch ${restored.epoch}; what came later is lost`,
  );
  if (restored.lostEntries > 0) out.line(`  ${restored.lostEntries} audit entries are known to be missing`);
  for (const { spiffeId } of restored.voidedJoinTokens) out.line(`  join token for ${spiffeId} is void`);
  for (const sentence of restored.mustRepeat) out.line(`  ${style.warning} ${sentence}`);
  if (!restored.hasAuthority)
    out.line(
      `  ${style.warning} bring back the signing keys before the start: restore again with --keys, or put the \`authority\` directory back`,
    );
}

export const restore: Verb = {
  configure: (command, frame) => {
    declareSettings(command);
    command
      .argument('[file]', 'what castellan backup wrote')
      .option('--keys <file>', 'bring the signing keys back too: what castellan backup --keys wrote')
      .option('--keys-passphrase-file <file>', 'the passphrase that they were sealed with')
      .option('--accept-loss', 'go on with a database that is older than its last checkpoint')
      .addHelpText(
        'after',
        '\nThe server must be stopped, and the state directory must hold no database (keep the damaged files elsewhere).',
      )
      .action(
        frame.action<Options>(async (context, [file], options) => {
          const from = sourceOf(context, file, options);
          const loaded = readSettings(context.io, options);
          const logger = openLogger(context, loaded);
          const environment = systemEnvironment(logger);
          try {
            const restored = await starting(() =>
              from === undefined
                ? acceptStateLoss(loaded.settings, environment)
                : restoreState(loaded.settings, environment, from),
            );
            print(context, restored);
          } finally {
            logger.close();
          }
          return undefined;
        }),
      );
  },
};
