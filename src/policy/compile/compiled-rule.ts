import type { PolicyRef } from '../decision.ts';
import type { Clause, Dimension, Field } from '../match/clause.ts';
import { isPathTemplate } from '../match/path-template.ts';
import type {
  AuthorizationPolicy,
  OperationField,
  OperationSpec,
  PolicyAction,
  RuleSpec,
  SourceField,
  SourceSpec,
} from '../source.ts';
import { compileOperation, compileSource, qualifyAccount } from './clauses.ts';
import { type Entry, RuleDraft, type RuleScope } from './rule-draft.ts';
import type { KeyedAttachment } from './target.ts';
import { expandPrincipals } from './trust-domains.ts';
import { needsHttpOf, usedFields } from './used-fields.ts';

/** A rule that can never match as it is written: Istio drops it in silence. */
export interface DroppedRule {
  readonly policy: PolicyRef;
  readonly rule: number;
  readonly why: string;
}

/** What a rule is made of: an entry of `from`, an entry of `to` (where there are any) and all of `when`. */
export interface RuleBody {
  readonly from: readonly Entry[];
  readonly to: readonly Entry[];
  readonly when: readonly Clause[];
}

export interface CompiledPolicy {
  readonly resource: AuthorizationPolicy;
  readonly hash: string;
  readonly ref: PolicyRef;
  /** A rule's id is this, its index and `]`. */
  readonly idPrefix: string;
  readonly action: PolicyAction;
  readonly dryRun: boolean;
  readonly provider: string | undefined;
  readonly rules: readonly CompiledRule[];
  /** Those that can never match as they are written. */
  readonly dropped: readonly DroppedRule[];
  /** What it is attached to, with the key of each. */
  readonly attachments: readonly KeyedAttachment[];
}

export function ruleId(rule: Pick<CompiledRule, 'policy' | 'index'>): string {
  return `${rule.policy.idPrefix}${rule.index}]`;
}

const noEntries: readonly Entry[] = [];
const noClauses: readonly Clause[] = [];

/**
 * One rule. There are millions of them and a request looks at a few, so a rule in which nothing can be malformed keeps
 * its values as they were written, and is compiled when somebody looks. What it decides is the same either way.
 */
export class CompiledRule {
  readonly policy: CompiledPolicy;
  readonly index: number;
  /** Some clause needs HTTP. */
  readonly needsHttp: boolean;
  /** Why the rule can never match, e.g. a malformed value in an ALLOW rule. */
  readonly dropped: string | undefined;
  /** Which fields have values, a bit each. */
  readonly used: number;
  readonly #scope: RuleScope;
  #body: RuleBody | undefined;

  constructor(policy: CompiledPolicy, index: number, scope: RuleScope) {
    const spec = policy.resource.spec.rules[index] as RuleSpec;
    this.policy = policy;
    this.index = index;
    this.#scope = scope;
    this.used = usedFields(spec);
    if (mayBeMalformed(spec)) {
      const draft = new RuleDraft(policy, index, scope);
      this.#body = compileBody(spec, draft);
      this.needsHttp = draft.needsHttp;
      this.dropped = draft.dropped;
    } else {
      this.#body = undefined;
      this.needsHttp = needsHttpOf(this.used);
      this.dropped = undefined;
    }
  }

  get from(): readonly Entry[] {
    return (this.#body ??= this.peek()).from;
  }
  get to(): readonly Entry[] {
    return (this.#body ??= this.peek()).to;
  }
  get when(): readonly Clause[] {
    return (this.#body ??= this.peek()).when;
  }
  /** Compiled already. */
  get isOpen(): boolean {
    return this.#body !== undefined;
  }

  /** The body, without keeping it. */
  peek(): RuleBody {
    return this.#body ?? compileBody(this.#spec, new RuleDraft(this.policy, this.index, this.#scope));
  }

  /** The fields of a dimension, one for each entry, of a rule that is not open; undefined when an entry has none. */
  closedFields(dimension: Dimension): readonly Field[] | undefined {
    const source = sourceOf[dimension];
    if (source !== undefined)
      return fieldsOf(dimension, this.#spec.from, (entry: SourceSpec) =>
        entry[source].length === 0 ? undefined : compileSource(source, entry[source], this.#scope).field,
      );
    const operation = operationOf[dimension];
    if (operation === undefined) return undefined;
    return fieldsOf(dimension, this.#spec.to, (entry: OperationSpec) =>
      entry[operation].length === 0
        ? undefined
        : compileOperation(operation, entry[operation], this.#scope).field,
    );
  }

  /**
   * The usual rule, of one entry with exact values, seen without compiling it: its values in a dimension. Undefined for
   * all others.
   */
  exactTexts(dimension: Dimension): readonly string[] | undefined {
    const { from } = this.#spec;
    const [entry] = from;
    if (this.#body !== undefined || entry === undefined || from.length > 1) return undefined;
    const { trustDomains, namespace } = this.#scope;
    const values =
      dimension === 'principal'
        ? expandPrincipals(entry.principals, trustDomains)
        : dimension === 'account'
          ? entry.serviceAccounts.map((value) => qualifyAccount(value, namespace))
          : none;
    if (values.length === 0 || (dimension === 'principal' && values.some(isPattern))) return undefined;
    return values;
  }

  get #spec(): RuleSpec {
    return this.policy.resource.spec.rules[this.index] as RuleSpec;
  }
}

const none: readonly string[] = [];

function isPattern(value: string): boolean {
  return value.charCodeAt(0) === star || value.charCodeAt(value.length - 1) === star;
}

const star = 42;

/** Addresses, ports, templates and conditions are read at once: what is wrong in them changes what the rule is. */
function mayBeMalformed({ from, to, when }: RuleSpec): boolean {
  if (when.length > 0) return true;
  for (const { ipBlocks, notIpBlocks, remoteIpBlocks, notRemoteIpBlocks } of from)
    if (ipBlocks.length + notIpBlocks.length + remoteIpBlocks.length + notRemoteIpBlocks.length > 0)
      return true;
  for (const { ports, notPorts, paths, notPaths } of to)
    if (ports.length + notPorts.length > 0 || paths.some(isPathTemplate) || notPaths.some(isPathTemplate))
      return true;
  return false;
}

function compileBody(spec: RuleSpec, draft: RuleDraft): RuleBody {
  return {
    from: spec.from.length === 0 ? noEntries : spec.from.map((source) => draft.source(source)),
    to: spec.to.length === 0 ? noEntries : spec.to.map((operation) => draft.operation(operation)),
    when: spec.when.length === 0 ? noClauses : draft.conditions(spec.when),
  };
}

const sourceOf: Readonly<Partial<Record<Dimension, SourceField>>> = {
  principal: 'principals',
  namespace: 'namespaces',
  account: 'serviceAccounts',
  'request-principal': 'requestPrincipals',
};
const operationOf: Readonly<Partial<Record<Dimension, OperationField>>> = {
  host: 'hosts',
  method: 'methods',
  path: 'paths',
};

function fieldsOf<Spec>(
  dimension: Dimension,
  entries: readonly Spec[],
  compile: (entry: Spec) => Field | undefined,
): readonly Field[] | undefined {
  if (entries.length === 0) return undefined;
  const fields: Field[] = [];
  for (const entry of entries) {
    const field = compile(entry);
    if (field === undefined || field.dimension !== dimension) return undefined;
    fields.push(field);
  }
  return fields;
}
