import { nearestName } from '../../base/nearest.ts';
import { type Finding, nodeAt, type ParsedResource, resourceTitle } from '../../resources/index.ts';
import { findingCatalogue, lintFinding } from './catalogue.ts';

/** Why a finding does not count. */
export interface Suppression {
  readonly by: 'annotation' | 'flag';
  readonly reason: string;
}

export interface LintFinding extends Finding {
  readonly suppression?: Suppression;
}

export const suppressAnnotation = 'castellan.dev/suppress';
const annotations = [
  suppressAnnotation,
  'castellan.dev/shadow',
  'castellan.dev/owner',
  'castellan.dev/expires',
];

export interface SuppressionRule {
  readonly code: string;
  readonly reason: string;
}

/** Reads `CAS0104=reason; CAS0110=other reason`; what is not of that form comes back as `wrong`. */
export function parseSuppressions(text: string): { rules: SuppressionRule[]; wrong: string[] } {
  const rules: SuppressionRule[] = [];
  const wrong: string[] = [];
  for (const part of text.split(/[;\n]/).map((piece) => piece.trim())) {
    if (part === '') continue;
    const found = /^(CAS[0-9]{4})\s*=\s*(\S[^]*)$/.exec(part);
    const [, code = '', reason = ''] = found ?? [];
    if (found === null || !Object.hasOwn(findingCatalogue, code)) wrong.push(part);
    else rules.push({ code, reason });
  }
  return { rules, wrong };
}

interface Annotated {
  readonly item: ParsedResource;
  readonly title: string;
  readonly rules: readonly SuppressionRule[];
  readonly used: Set<string>;
}

/** Marks what an annotation or a flag suppresses, and says which suppressions are wrong or idle. */
export function applySuppressions(
  findings: readonly Finding[],
  parsed: readonly ParsedResource[],
  flags: readonly SuppressionRule[],
): LintFinding[] {
  const own: LintFinding[] = [];
  const byTitle = new Map<string, Annotated>();
  for (const item of parsed) {
    const annotated = readAnnotations(item, own);
    if (annotated !== undefined) byTitle.set(annotated.title, annotated);
  }
  const marked = findings.map((finding): LintFinding => {
    const suppression = findSuppression(finding, byTitle.get(finding.resource ?? ''), flags);
    return suppression === undefined ? finding : Object.freeze({ ...finding, suppression });
  });
  for (const annotated of byTitle.values())
    for (const { code } of annotated.rules)
      if (!annotated.used.has(code))
        own.push(reportAt(annotated.item, 'CAS0152', `there is no finding ${code} to suppress here`));
  return [...marked, ...own];
}

function findSuppression(
  finding: Finding,
  annotated: Annotated | undefined,
  flags: readonly SuppressionRule[],
): Suppression | undefined {
  const rule = annotated?.rules.find(({ code }) => code === finding.code);
  if (rule !== undefined) {
    annotated?.used.add(rule.code);
    return { by: 'annotation', reason: rule.reason };
  }
  const flag = flags.find(({ code }) => code === finding.code);
  return flag === undefined ? undefined : { by: 'flag', reason: flag.reason };
}

function readAnnotations(item: ParsedResource, own: LintFinding[]): Annotated | undefined {
  const { metadata } = item.resource;
  for (const key of metadata.annotations.keys()) {
    if (!key.startsWith('castellan.dev/') || annotations.includes(key)) continue;
    const nearest = nearestName(key, annotations);
    const hint = nearest === undefined ? '' : `; did you mean \`${nearest}\`?`;
    own.push(reportAt(item, 'CAS0153', `unknown annotation \`${key.slice(0, 100)}\`${hint}`, key));
  }
  const text = metadata.annotations.get(suppressAnnotation);
  if (text === undefined) return undefined;
  const { rules, wrong } = parseSuppressions(text);
  for (const part of wrong)
    own.push(
      reportAt(
        item,
        'CAS0151',
        `\`${part.slice(0, 100)}\` is not CAS and four digits of a known finding, \`=\` and a reason`,
      ),
    );
  return { item, title: resourceTitle(item.resource), rules, used: new Set() };
}

function reportAt(
  item: ParsedResource,
  code: 'CAS0151' | 'CAS0152' | 'CAS0153',
  message: string,
  annotation = suppressAnnotation,
): LintFinding {
  const node = nodeAt(item.root, ['metadata', 'annotations', annotation]);
  return lintFinding(code, node, message, { resource: resourceTitle(item.resource) });
}
