import type { PositionedNode, ScalarNode } from '../read/node.ts';
import { kindOf, quoted, type Report } from './report.ts';

export function isNull(node: PositionedNode): boolean {
  return node.kind === 'scalar' && node.value === null;
}

/** Words and numbers that are text to YAML 1.2 and something else to the YAML 1.1 of kubectl. */
const yaml11 = /^(?:yes|no|on|off|[+-]?[0-9][0-9_]*_[0-9_]*|0b[01_]+)$/i;

/**
 * Text where the schema says text (P05): an unquoted YAML number or boolean is the text as it was written, with a
 * warning. JSON says its types itself, so there it is an error.
 */
export function readText(node: PositionedNode, report: Report): string | undefined {
  if (node.kind !== 'scalar' || node.value === null) {
    report.add('CAS0909', node, `expected text, got ${kindOf(node)}`);
    return undefined;
  }
  if (typeof node.value === 'string') {
    if (node.style === 'plain' && yaml11.test(node.text)) reportTrap(node, report);
    return node.value;
  }
  if (node.format === 'json') {
    report.add('CAS0909', node, `expected text in quotes, got ${kindOf(node)}`);
    return undefined;
  }
  reportTrap(node, report);
  return node.text;
}

function reportTrap(node: ScalarNode, report: Report): void {
  const text = JSON.stringify(node.text);
  report.add('CAS0913', node, `${quoted(node.text)} without quotes is read as the text ${text}`, {
    fix: `write ${text}`,
    edits: [{ start: node.start, end: node.end, text }],
  });
}

export function readFlag(node: PositionedNode, report: Report): boolean | undefined {
  if (node.kind === 'scalar' && typeof node.value === 'boolean') return node.value;
  report.add('CAS0909', node, `expected true or false, got ${kindOf(node)}`);
  return undefined;
}

export function readInteger(
  node: PositionedNode,
  range: { readonly min: number; readonly max: number },
  report: Report,
): number | undefined {
  if (node.kind !== 'scalar' || typeof node.value !== 'number' || !Number.isInteger(node.value)) {
    report.add('CAS0909', node, `expected a whole number without quotes, got ${kindOf(node)}`);
    return undefined;
  }
  if (/^[+-]?0[0-9]/.test(node.text)) {
    report.add(
      'CAS0916',
      node,
      `${quoted(node.text)} is octal to some readers: write it without leading zeros`,
    );
    return undefined;
  }
  if (node.value < range.min || node.value > range.max) {
    report.add('CAS0916', node, `${quoted(node.text)} is not between ${range.min} and ${range.max}`);
    return undefined;
  }
  return node.value;
}

const goDurationPart = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)/y;
const goUnits: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Go's `time.ParseDuration` in milliseconds; undefined for anything else. */
export function parseGoDuration(text: string): number | undefined {
  if (text.length > 64) return undefined;
  const sign = text.startsWith('-') ? -1 : 1;
  const body = text.replace(/^[+-]/, '');
  if (body === '0') return 0;
  let at = 0;
  let total = 0;
  while (at < body.length) {
    goDurationPart.lastIndex = at;
    const found = goDurationPart.exec(body);
    if (found === null) return undefined;
    total += Number(found[1]) * (goUnits[found[2] ?? ''] ?? Number.NaN);
    at = goDurationPart.lastIndex;
  }
  return at === 0 || !Number.isFinite(total) ? undefined : sign * total;
}

/** A Go duration of at least 1 ms, in milliseconds (the CRD's rule). */
export function readDuration(node: PositionedNode, report: Report): number | undefined {
  const text = readText(node, report);
  if (text === undefined) return undefined;
  const value = parseGoDuration(text);
  if (value !== undefined && value >= 1) return value;
  report.add('CAS0916', node, `${quoted(text)} is not a duration of at least 1ms, such as 5s`);
  return undefined;
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

/** An RFC 3339 instant in ms. */
export function readInstant(node: PositionedNode, report: Report): number | undefined {
  const text = node.kind === 'scalar' ? node.text : '';
  const value = rfc3339.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(value)) return value;
  report.add('CAS0916', node, `${quoted(text)} is not a time such as 2026-01-31T12:00:00Z`);
  return undefined;
}
