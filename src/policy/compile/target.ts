import type { Targeted } from '../source.ts';
import { compareText } from './budget.ts';

/** What a set of policies is attached to, within one namespace. */
export type Attachment =
  | { readonly kind: 'namespace' }
  | { readonly kind: 'selector'; readonly labels: readonly (readonly [string, string])[] }
  | { readonly kind: 'target'; readonly target: string };

/** policy.md §3.8: `targetRefs` win; a selector without labels is none. */
export function attachmentsOf({ selector, targetRefs = [] }: Targeted): readonly Attachment[] {
  if (targetRefs.length > 0)
    return targetRefs
      .filter((ref) => ref.namespace === undefined)
      .map((ref) => ({ kind: 'target', target: targetKey(ref.group, ref.kind, ref.name) }));
  const labels = [...(selector?.matchLabels ?? [])];
  if (labels.length === 0) return namespaceWide;
  return [{ kind: 'selector', labels: labels.sort(([a], [b]) => compareText(a, b)) }];
}

const namespaceWide: readonly Attachment[] = [{ kind: 'namespace' }];

export function targetKey(group: string, kind: string, name: string): string {
  return `${group}/${kind}/${name}`;
}

export function attachmentKey(namespace: string, attachment: Attachment): string {
  switch (attachment.kind) {
    case 'namespace':
      return namespace;
    case 'target':
      return `${namespace}\u0000t${attachment.target}`;
    case 'selector':
      return `${namespace}\u0000s${attachment.labels.map(([k, v]) => `${k}=${v}`).join('\u0000')}`;
  }
}

/** An attachment, and its name among all of a snapshot. */
export interface KeyedAttachment {
  readonly key: string;
  readonly attachment: Attachment;
}

export function keyedAttachments(namespace: string, spec: Targeted): readonly KeyedAttachment[] {
  return attachmentsOf(spec).map((attachment) => ({ key: attachmentKey(namespace, attachment), attachment }));
}
