import { SpiffeId } from '../../spiffe/index.ts';
import type { Clause } from '../match/clause.ts';
import { readTextPattern, type TextPattern } from '../match/text-patterns.ts';
import { targetOf } from '../query/examples.ts';
import { filler } from './texts.ts';

/**
 * Identities that stand for all: every trust domain, namespace and account that some policy speaks of, combined, and
 * every principal pattern filled in.
 */
export function identityExamples(
  clauses: readonly Clause[],
  trustDomains: readonly string[],
  namespaces: readonly string[],
): { readonly ids: readonly SpiffeId[]; readonly isComplete: boolean } {
  const words = collectWords(clauses, trustDomains, namespaces);
  const texts = new Set<string>();
  const isComplete = words.trustDomains.size * words.namespaces.size * words.accounts.size <= maxCombinations;
  const accounts = isComplete ? words.accounts : [filler];
  for (const trustDomain of words.trustDomains) {
    for (const namespace of words.namespaces)
      for (const account of accounts) texts.add(`${trustDomain}/ns/${namespace}/sa/${account}`);
    texts.add(`${trustDomain}/${filler}`);
    for (const suffix of words.suffixes)
      for (const prefix of [...words.prefixes, `${trustDomain}/`])
        for (const joint of ['', filler, `${filler}/`, `ns/${filler}/sa/`, `/${filler}/`, '/'])
          texts.add(`${prefix}${joint}${suffix}`);
  }
  for (const principal of words.principals) texts.add(principal);
  const ids = [...texts]
    .map((text) => SpiffeId.tryParse(`spiffe://${text}`))
    .filter((id) => id !== undefined);
  return { ids: [...new Map(ids.map((id) => [id.uri, id])).values()], isComplete };
}

/** Beyond this, only identities that a policy writes out are told apart. */
const maxCombinations = 4000;

interface Words {
  readonly trustDomains: ReadonlySet<string>;
  readonly namespaces: ReadonlySet<string>;
  readonly accounts: ReadonlySet<string>;
  readonly principals: ReadonlySet<string>;
  readonly prefixes: ReadonlySet<string>;
  readonly suffixes: ReadonlySet<string>;
}

function collectWords(
  clauses: readonly Clause[],
  trustDomains: readonly string[],
  namespaces: readonly string[],
): Words {
  const words = {
    trustDomains: new Set([...trustDomains, `${filler}.example`]),
    namespaces: new Set([filler]),
    accounts: new Set([filler]),
    principals: new Set<string>(),
    prefixes: new Set<string>(),
    suffixes: new Set(['']),
  };
  for (const { name, wanted } of clauses) {
    const target = targetOf(name);
    if (target?.kind !== 'peer') continue;
    for (const value of wanted) {
      const filled = value.split('*').join(filler);
      if (target.as === 'namespace') words.namespaces.add(filled).add(value.split('*').join(''));
      else if (target.as === 'trustDomain') words.trustDomains.add(filled);
      else if (target.as === 'account') addAccount(words, value, namespaces);
      else addPrincipal(words, value);
    }
  }
  words.namespaces.delete('');
  return words;
}

type OpenWords = { readonly [K in keyof Words]: Set<string> };

/** A bare account is in its policy's namespace, which is one of those given. */
function addAccount(words: OpenWords, value: string, namespaces: readonly string[]): void {
  const slash = value.indexOf('/');
  words.accounts.add(value.slice(slash + 1));
  if (slash !== -1) words.namespaces.add(value.slice(0, slash));
  else for (const namespace of namespaces) words.namespaces.add(namespace);
}

function addPrincipal(words: OpenWords, value: string): void {
  const { kind, text } = readTextPattern(value);
  if (kind === 'exact') words.principals.add(text);
  if (kind === 'prefix') words.prefixes.add(text);
  if (kind === 'suffix') words.suffixes.add(text);
  addParts(words, kind, text.split('/'));
}

/** What a pattern says of trust domain, namespace and account; a part that it says only half is filled up. */
function addParts(words: OpenWords, kind: TextPattern['kind'], parts: readonly string[]): void {
  const last = parts.length - 1;
  for (const [i, part] of parts.entries()) {
    const isOpenAfter = kind === 'prefix' && i === last;
    const isOpenBefore = kind === 'suffix' && i === 0;
    const list = listFor(words, kind, parts, i);
    if (list === undefined) continue;
    const filled = `${isOpenBefore ? filler : ''}${part}${isOpenAfter ? filler : ''}`;
    for (const word of [part, filled]) if (word !== '') list.add(word);
  }
}

function listFor(
  words: OpenWords,
  kind: TextPattern['kind'],
  parts: readonly string[],
  i: number,
): Set<string> | undefined {
  if (parts[i - 1] === 'ns' || (kind === 'suffix' && parts[i + 1] === 'sa')) return words.namespaces;
  if (parts[i - 1] === 'sa' || (kind === 'suffix' && parts.length === 1)) return words.accounts;
  const isFirst = i === 0 && (kind !== 'suffix' || parts[1] === 'ns');
  return isFirst ? words.trustDomains : undefined;
}
