export { type BuildInfo, buildInfo } from './build-info.ts';
export { settingsErrors } from './errors.ts';
export { type Field, fields } from './fields.ts';
export type { Origin } from './layers.ts';
export { type LoadedSettings, loadSettings, type SettingsSources, type ShownSetting } from './load.ts';
export { type IssuerSettings, type Settings, settingsSchema } from './schema.ts';
export { readSecretFile } from './secret-file.ts';
