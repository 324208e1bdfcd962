import type { FindingSpec } from '../../resources/index.ts';

/** CAS015x: about suppressions and our own annotations. */
export const annotationCatalogue = {
  CAS0151: {
    severity: 'error',
    title: 'suppression without a code or a reason',
    why: 'a finding that is hidden without a reason is lost to the next reader; it is not hidden',
    fix: 'write castellan.dev/suppress: "CAS0104=why this is meant"; several are separated by `;`',
  },
  CAS0152: {
    severity: 'info',
    title: 'suppression of a finding that is not there',
    why: 'it would hide the finding when it comes back for another reason',
    fix: 'remove it',
  },
  CAS0153: {
    severity: 'warning',
    title: 'unknown castellan.dev annotation',
    why: 'it is ignored',
    fix: 'correct its name: castellan.dev/suppress, shadow, owner or expires',
  },
} as const satisfies Readonly<Record<string, FindingSpec>>;
