import { type FindingSpec, findingBuilder } from '../../resources/index.ts';

/** CAS081x: what `castellan convert` has to say. */
export const conversionCatalogue = {
  CAS0811: {
    severity: 'warning',
    title: 'no exact equal: the converted policy decides otherwise',
    why: 'the old field has no counterpart today',
    fix: 'read the converted policy and adjust it by hand before it is applied',
  },
  CAS0812: {
    severity: 'warning',
    title: 'selection that cannot be known from the text',
    why: 'the old object names services; a policy of today selects workloads by their labels',
    fix: 'check the selector that was written against the labels of the service\u2019s workloads',
  },
  CAS0813: {
    severity: 'info',
    title: 'nothing to convert',
    why: 'the old object had no effect',
    fix: 'remove it',
  },
  CAS0814: {
    severity: 'error',
    title: 'legacy object that cannot be read',
    why: 'what it meant is not known, so nothing was written for it',
    fix: 'correct it as the message says and convert again',
  },
} as const satisfies Readonly<Record<string, FindingSpec>>;

export type ConversionCode = keyof typeof conversionCatalogue;
export const conversionFinding = findingBuilder(conversionCatalogue);
