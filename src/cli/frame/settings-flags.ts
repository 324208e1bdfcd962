import { type Command, Option } from 'commander';
import { type Field, fields, type LoadedSettings, loadSettings } from '../../app/settings/index.ts';
import type { Io } from './io.ts';

/** Settings that `--help` shows; every other one is a flag too, and in docs/reference/settings.md. */
const shown = new Set([
  'stateDir',
  'trustDomain',
  'csrAddress',
  'csrPort',
  'adminPort',
  'observabilityPort',
  'authority.workloadTtl',
  'authority.cacertsDir',
  'authority.passphraseFile',
  'agent.server',
  'agent.bundleFile',
  'agent.rootFingerprint',
  'agent.joinTokenFile',
  'agent.socket',
  'logging.level',
]);

const asFlag = (field: Field) => field.type !== 'object list' && field.type !== 'map';

/** Declares `--config` and a flag for every setting. */
export function declareSettings(command: Command): void {
  command.option('--config <file>', 'the settings file (CASTELLAN_CONFIG)');
  for (const field of fields.filter(asFlag)) {
    const value = field.type === 'boolean' ? '<true|false>' : `<${field.type}>`;
    const option = new Option(`${field.flag} ${value}`, field.description);
    command.addOption(shown.has(field.name) ? option : option.hideHelp());
  }
  command.addHelpText('after', '\nEvery setting is a flag: see docs/reference/settings.md for all of them.');
}

/** Flag over environment over file over default. */
export function readSettings(io: Io, options: Readonly<Record<string, unknown>>): LoadedSettings {
  const flags: Record<string, string> = {};
  for (const field of fields.filter(asFlag)) {
    const value = options[attributeOf(field.flag)];
    if (typeof value === 'string') flags[field.name] = value;
  }
  const file = typeof options.config === 'string' ? options.config : io.env.CASTELLAN_CONFIG;
  return loadSettings({ file, env: io.env, flags, cwd: io.cwd });
}

/** How the argument parser calls the value of `--foo-bar`. */
function attributeOf(flag: string): string {
  return flag.slice(2).replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
