import { isAbsolute, resolve } from 'node:path';
import { buildSettings } from './build.ts';
import { fields } from './fields.ts';
import { readSettingsFile } from './file.ts';
import { environmentLayer, flagLayer, mergeLayers, type Origin } from './layers.ts';
import type { Settings } from './schema.ts';

export interface SettingsSources {
  /** The settings file, if one was named. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Flags by setting name: `{ 'authority.workloadTtl': '1h' }`. */
  readonly flags: Readonly<Record<string, string>>;
  readonly cwd: string;
}

export interface ShownSetting {
  readonly name: string;
  readonly value: unknown;
  readonly origin: Origin;
}

export interface LoadedSettings {
  readonly settings: Settings;
  /** Every setting with the place that won, for `get config --show-origin`. */
  readonly shown: readonly ShownSetting[];
  /** Things to say at start. */
  readonly notices: readonly string[];
}

/** Flag over environment over file over default; parsed once, frozen. */
export function loadSettings(sources: SettingsSources): LoadedSettings {
  const environment = environmentLayer(sources.env, sources.cwd);
  const layers = [environment, flagLayer(sources.flags, sources.cwd)];
  const file = sources.file === undefined ? [] : [readSettingsFile(resolve(sources.cwd, sources.file))];
  const defaults = {
    tree: { stateDir: './.castellan' },
    base: sources.cwd,
    originOf: (): Origin => 'default',
  };
  const raw = mergeLayers([defaults, ...file, ...layers], (base, path) =>
    isAbsolute(path) ? path : resolve(base, path),
  );
  const settings = buildSettings(raw);
  const shown = fields.map(({ name, path, fallback }) => ({
    name,
    value: rawAt(raw.tree, path) ?? fallback,
    origin: raw.originOf(path),
  }));
  return { settings, shown, notices: environment.notices };
}

function rawAt(tree: Readonly<Record<string, unknown>>, path: readonly string[]): unknown {
  let node: unknown = tree;
  for (const part of path)
    node = typeof node === 'object' && node !== null ? (node as Record<string, unknown>)[part] : undefined;
  return node;
}
