import type { Finding, PositionedNode } from '../../resources/index.ts';
import { type ConversionCode, conversionFinding } from './catalogue.ts';
import type { LegacyObject } from './model.ts';

/** A policy of today, as plain data, and what it was made of. */
export interface Converted {
  readonly origin: LegacyObject;
  readonly manifest: Manifest;
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** Collects what a conversion writes and says. */
export class Conversion {
  readonly converted: Converted[] = [];
  readonly findings: Finding[] = [];
  readonly rootNamespace: string;

  constructor(rootNamespace: string) {
    this.rootNamespace = rootNamespace;
  }

  write(origin: LegacyObject, kind: string, place: Place, spec: Readonly<Record<string, unknown>>): void {
    const manifest: Manifest = {
      apiVersion: 'security.istio.io/v1',
      kind,
      metadata: {
        name: this.#freeName(kind, place),
        namespace: place.namespace,
        ...(place.isDryRun === true ? { annotations: { 'istio.io/dry-run': 'true' } } : {}),
      },
      spec,
    };
    this.converted.push({ origin, manifest });
  }

  say(code: ConversionCode, object: LegacyObject, message: string, node: PositionedNode = object.root): void {
    const resource = `${object.kind} ${object.namespace}/${object.name}`;
    this.findings.push(conversionFinding(code, node, message, { resource }));
  }

  /** Two old objects may want one name. */
  #freeName(kind: string, { name, namespace }: Place): string {
    const taken = new Set(
      this.converted
        .filter(({ manifest }) => manifest.kind === kind && manifest.metadata.namespace === namespace)
        .map(({ manifest }) => manifest.metadata.name),
    );
    let free = name;
    for (let i = 2; taken.has(free); i++) free = `${name}-${i}`;
    return free;
  }
}

export interface Place {
  readonly name: string;
  readonly namespace: string;
  readonly isDryRun?: boolean;
}

export function selectorOf(labels: ReadonlyMap<string, string>): Readonly<Record<string, unknown>> {
  return labels.size === 0 ? {} : { selector: { matchLabels: Object.fromEntries(labels) } };
}

/** Only what was written: fields without values are left out. */
export function written(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0),
    ),
  );
}
