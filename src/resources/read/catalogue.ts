import { type FindingSpec, findingBuilder } from '../catalogue.ts';

/** CAS09xx: the text, and the shape of what it says. */
export const readCatalogue = {
  CAS0901: {
    severity: 'error',
    title: 'not readable as text',
    why: 'a NUL, a control character, UTF-16 or broken UTF-8 is read differently by different tools',
    fix: 'save the file as UTF-8 without control characters',
    also: 'adv:P06',
  },
  CAS0902: {
    severity: 'error',
    title: 'larger than the limits',
    why: 'a document may hold 1 MiB, a text 1,000 documents, and 64 levels of lists and maps',
    fix: 'split the file',
    also: 'adv:P06',
  },
  CAS0903: {
    severity: 'error',
    title: 'not YAML or JSON',
    why: 'what cannot be read is never half applied',
    fix: 'correct the syntax at the place shown',
  },
  CAS0904: {
    severity: 'error',
    title: 'anchor or alias',
    why: 'aliases let a small text grow without bound, and hide what a policy says from its reader',
    fix: 'write the value out',
    also: 'adv:P01',
  },
  CAS0905: {
    severity: 'error',
    title: 'tag, directive or merge key',
    why: 'tags and merge keys change what a text means from tool to tool',
    fix: 'write the value out, in quotes if it is text',
    also: 'adv:P02',
  },
  CAS0906: {
    severity: 'error',
    title: 'a field is written twice',
    why: 'tools disagree on which one counts',
    fix: 'keep one of them',
    also: 'adv:P03',
  },
  CAS0907: {
    severity: 'error',
    title: 'a field name that is reserved',
    why: 'names such as `__proto__` have a meaning of their own to programs and none in a resource',
    fix: 'remove it',
    also: 'adv:P07',
  },
  CAS0908: {
    severity: 'error',
    title: 'unknown field',
    why: 'a misspelt field would be ignored, and the policy would say something else than you meant',
    fix: 'correct the name or remove it',
    also: 'adv:P04, IST0106',
  },
  CAS0909: {
    severity: 'error',
    title: 'wrong type',
    why: 'the value cannot mean what the field needs',
    fix: 'write the type that the message names',
    also: 'IST0106',
  },
  CAS0910: {
    severity: 'error',
    title: 'a required field is missing',
    why: 'without it the object has no meaning',
    fix: 'add the field',
    also: 'IST0106',
  },
  CAS0911: {
    severity: 'error',
    title: 'unknown kind or version',
    why: 'a security object that nobody reads protects nothing',
    fix: 'correct apiVersion and kind',
  },
  CAS0912: {
    severity: 'error',
    title: 'bad metadata',
    why: 'Kubernetes refuses names, labels and annotations of another form',
    fix: 'correct it as the message says',
  },
  CAS0913: {
    severity: 'warning',
    title: 'text that other YAML readers take for something else',
    why: 'it is read as text here; kubectl reads YAML 1.1 and would see a boolean or a number and refuse it',
    fix: 'put it in quotes',
    fixable: true,
    also: 'adv:P05',
  },
  CAS0914: {
    severity: 'warning',
    title: 'a field without a value',
    why: 'it counts as not written, which can widen a policy: a rule whose `from` is empty matches every source',
    fix: 'write its value or remove the field',
  },
  CAS0915: {
    severity: 'error',
    title: 'not one of the known values',
    why: 'the value is matched letter by letter',
    fix: 'write one of the values that the message names',
    also: 'IST0106',
  },
  CAS0916: {
    severity: 'error',
    title: 'a value of the wrong form',
    why: 'the value cannot mean what the field needs',
    fix: 'write it in the form that the message names',
    also: 'adv:P08',
  },
  CAS0917: {
    severity: 'error',
    title: 'one object written twice',
    why: 'which of the two counts would depend on the order of files',
    fix: 'remove one, or give it another name',
    also: 'adv:P09',
  },
} as const satisfies Readonly<Record<string, FindingSpec>>;

export type ReadCode = keyof typeof readCatalogue;
export const readFinding = findingBuilder(readCatalogue);
