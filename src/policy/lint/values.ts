import { parseCidr, parseIpBlock } from '../../base/ip.ts';
import { isPathTemplate, nodeAt } from '../../resources/index.ts';
import { SpiffeId } from '../../spiffe/index.ts';
import type { LintContext } from './context.ts';
import { appendItem, editScalar } from './edits.ts';
import { allRules, bySafety, failsOpen, fieldOf, isToken, quote, type ValueList, valuesOf } from './rules.ts';
import { lintTrustDomain } from './trust-domains.ts';

/** Findings about single values of rules (policy.md 3.1, 3.2, 3.4, 3.6, 3.9). */
export function lintValues(context: LintContext): void {
  for (const at of allRules(context))
    for (const list of valuesOf(at))
      for (const [i, value] of list.values.entries())
        for (const check of checks) check(context, list, { value, i });
}

interface Item {
  readonly value: string;
  readonly i: number;
}
type Check = (context: LintContext, list: ValueList, item: Item) => void;

function at(list: ValueList, i: number) {
  return { target: list.at.target, path: [...list.path, i] };
}

function nodeOf(list: ValueList, i: number) {
  return nodeAt(list.at.target.root, [...list.path, i]);
}

/** In these the text is no pattern with one wildcard: IPs, ports, accounts; in namespaces every `*` is one. */
const noPattern: ReadonlySet<string> = new Set([
  'ipBlocks',
  'remoteIpBlocks',
  'ports',
  'serviceAccounts',
  'trustDomains',
  'namespaces',
  'destination.ip',
]);

const wildcards: Check = (context, list, { value, i }) => {
  if (noPattern.has(fieldOf(list.name)) || (list.name === 'paths' && isPathTemplate(value))) return;
  if (value === '*' || !value.slice(1, -1).includes('*')) {
    const both = value.length > 1 && value.startsWith('*') && value.endsWith('*');
    if (!both) return;
  }
  const literal = value.startsWith('*') ? value.slice(1) : value.replace(/\*$/, '');
  const meant = list.name === 'paths' ? templateFor(value) : undefined;
  context.report(
    'CAS0108',
    at(list, i),
    `in ${quote(value)} the \`*\` in ${quote(literal)} is an ordinary character`,
    {
      ...bySafety(list),
      ...(meant === undefined ? {} : { fix: `write ${meant}` }),
    },
  );
};

/** `/a/ * /b` with whole segments of stars, as the template that was meant. */
function templateFor(path: string): string | undefined {
  const segments = path.split('/');
  const last = segments.length - 1;
  const parts = segments.map((segment, i) => {
    if (segment === '*') return i === last ? '{**}' : '{*}';
    return segment.includes('*') ? undefined : segment;
  });
  return parts.includes(undefined) ? undefined : parts.join('/');
}

const scheme: Check = (context, list, { value, i }) => {
  if (fieldOf(list.name) !== 'principals' || !value.startsWith('spiffe://')) return;
  const bare = value.slice('spiffe://'.length);
  context.report('CAS0107', at(list, i), `${quote(value)} begins with \`spiffe://\` and never matches`, {
    fix: `write ${bare}`,
    edits: editScalar(nodeOf(list, i), bare),
  });
};

const principalShape: Check = (context, list, { value, i }) => {
  if (fieldOf(list.name) !== 'principals' || value.startsWith('spiffe://')) return;
  if (!value.includes('*')) {
    const isBare = !value.includes('/');
    if (isBare || SpiffeId.tryParse(`spiffe://${value}`) === undefined)
      context.report(
        'CAS0124',
        at(list, i),
        `${quote(value)} is no SPIFFE ID of a workload, so no certificate carries it`,
        {
          ...bySafety(list),
          fix: 'write <trust domain>/ns/<namespace>/sa/<account>',
        },
      );
  } else if (/^[^*]*[^/*]\*$/.test(value) && value.includes('/') && !list.isNegative) {
    context.report(
      'CAS0125',
      at(list, i),
      `the prefix ${quote(value)} also matches ${quote(`${value.slice(0, -1)}-other`)}`,
      {
        fix: `write ${value.slice(0, -1)}/* or the whole name`,
      },
    );
  }
};

const requestPrincipalSplit: Check = (context, list, { value, i }) => {
  if (fieldOf(list.name) !== 'requestPrincipals' || value === '*') return;
  const slash = value.lastIndexOf('/');
  if (slash === -1) {
    if (value.includes('*')) return;
    report(`${quote(value)} has no slash: it asks for an issuer ${quote(value)} with an empty subject`);
  } else {
    const issuer = value.slice(0, slash);
    const subject = value.slice(slash + 1);
    if (value === '*/*') report('`*/*` asks for a subject that is the character `*`', 'write *');
    else if (/^\*?[a-z][a-z0-9+.-]*:\/?$/i.test(issuer))
      report(
        `${quote(value)} is cut inside \`//\`: issuer ${quote(issuer)}, subject ${quote(subject)}`,
        splitFix(value),
      );
    else if (subject === '') report(`${quote(value)} ends with a slash: it asks for an empty subject`);
  }
  function report(message: string, fix?: string): void {
    context.report('CAS0121', at(list, i), message, {
      ...bySafety(list),
      ...(fix === undefined ? {} : { fix }),
    });
  }
};

function splitFix(value: string): string {
  return value.endsWith('*')
    ? `match the issuer with a condition: key request.auth.claims[iss], values ["${value}"]`
    : `write ${value}/* for every subject of that issuer`;
}

const knownMethods: ReadonlySet<string> = new Set(
  'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK REPORT SEARCH PURGE LINK UNLINK QUERY'.split(
    ' ',
  ),
);

const methods: Check = (context, list, { value, i }) => {
  if (list.name !== 'methods' || value.includes('*') || knownMethods.has(value)) return;
  const upper = value.toUpperCase();
  const isKnown = knownMethods.has(upper);
  const node = nodeOf(list, i);
  context.report(
    'CAS0102',
    at(list, i),
    isKnown ? `${quote(value)} is not ${upper}` : `${quote(value)} is not a method of HTTP`,
    {
      ...bySafety(list),
      ...(isKnown ? { fix: `write ${upper}`, edits: editScalar(node, upper) } : {}),
    },
  );
};

const ports: Check = (context, list, { value, i }) => {
  if (fieldOf(list.name) === 'ports' && value === '0')
    context.report('CAS0124', at(list, i), 'nothing listens on port 0', bySafety(list));
};

const unreserved = /%(2[DdEe]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9AaEe])/;

/** Why no normalised path can equal this text; undefined when one can. */
function deadPath(path: string, level: string): string | undefined {
  if (!/^[/*]/.test(path)) return 'a path begins with `/`';
  if (/[?#]/.test(path)) return 'the query and the fragment are cut off before paths are compared';
  if (level === 'NONE') return undefined;
  if (/\/\.{1,2}(\/|$)/.test(path)) return 'dot segments are resolved before paths are compared';
  if (path.includes('\\')) return '`\\` is read as `/` before paths are compared';
  if (unreserved.test(path)) return 'escapes of ordinary characters are decoded before paths are compared';
  if (level !== 'BASE' && path.includes('//')) return 'double slashes are merged before paths are compared';
  if (level === 'DECODE_AND_MERGE_SLASHES' && /%(2F|5C)/i.test(path))
    return 'escaped slashes are decoded before paths are compared';
  return undefined;
}

const paths: Check = (context, list, { value, i }) => {
  const reason = list.name === 'paths' ? deadPath(value, context.mesh.pathNormalization) : undefined;
  if (reason !== undefined)
    context.report('CAS0124', at(list, i), `${quote(value)} never matches: ${reason}`, bySafety(list));
};

const hosts: Check = (context, list, { value, i }) => {
  if (list.name !== 'hosts') return;
  if (/^[a-z]+:\/\/|\//i.test(value)) {
    context.report(
      'CAS0124',
      at(list, i),
      `${quote(value)} never matches: a host has no scheme and no path`,
      bySafety(list),
    );
    return;
  }
  if (value.endsWith('*') || /:\d+$/.test(value)) return;
  const forms = list.values.map((other) => other.toLowerCase());
  if (
    forms.some(
      (other) =>
        other === '*' || (other.endsWith('*') && `${value.toLowerCase()}:`.startsWith(other.slice(0, -1))),
    )
  )
    return;
  const isSuffix = value.startsWith('*');
  const node = nodeAt(list.at.target.root, list.path);
  context.report(
    'CAS0123',
    at(list, i),
    `${quote(value)} does not match ${quote(`${value.replace('*', 'a')}:443`)}`,
    {
      ...bySafety(list),
      ...(isSuffix
        ? { fix: 'a suffix cannot have a port form: list the hosts, each with `:*`' }
        : { fix: `write "${value}" and "${value}:*"` }),
      // Only where it closes a gate: in an ALLOW rule the longer list lets more in.
      ...(failsOpen(list) && !isSuffix ? { edits: appendItem(node, nodeOf(list, i), `${value}:*`) } : {}),
    },
  );
};

const names: Check = (context, list, { value, i }) => {
  if (fieldOf(list.name) === 'namespaces' && /[^a-z0-9*.-]/.test(value))
    context.report(
      'CAS0124',
      at(list, i),
      `${quote(value)} never matches: it is not a namespace`,
      bySafety(list),
    );
};

const ranges: Check = (context, list, { value, i }) => {
  if (!['ipBlocks', 'remoteIpBlocks', 'destination.ip'].includes(fieldOf(list.name))) return;
  const block = parseIpBlock(value);
  if (block === undefined) return;
  const address = parseIpBlock(value.split('/')[0] ?? '');
  if (parseCidr(value) !== undefined && address?.network.text !== block.network.text)
    context.report('CAS0126', at(list, i), `${quote(value)} is the range ${block.text}`, {
      fix: `write ${block.text}`,
      edits: editScalar(nodeOf(list, i), block.text),
    });
  if (block.prefixLength === 0 && value.includes('/'))
    context.report('CAS0127', at(list, i), `${quote(value)} holds every IPv${block.network.version} address`);
};

const trustDomain: Check = (context, list, { value, i }) => {
  if (fieldOf(list.name) === 'principals') lintTrustDomain(context, list, { value, place: at(list, i) });
};

/** A negative match on what is absent is true (policy.md 3.3). */
export function lintTokenNegatives(context: LintContext): void {
  for (const rule of allRules(context)) {
    if (rule.target.resource.spec.action !== 'ALLOW') continue;
    const lists = [...valuesOf(rule)];
    if (lists.some((list) => isToken(list.name) && !list.isNegative)) continue;
    for (const list of lists)
      if (list.isNegative && isToken(list.name) && !list.values.includes('*'))
        context.report(
          'CAS0129',
          { target: rule.target, path: list.path },
          `a request without a token satisfies this \`${list.name}\` exclusion`,
        );
  }
}

const checks: readonly Check[] = [
  wildcards,
  scheme,
  principalShape,
  trustDomain,
  requestPrincipalSplit,
  methods,
  ports,
  paths,
  hosts,
  names,
  ranges,
];
