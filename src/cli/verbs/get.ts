import { nearestName } from '../../base/nearest.ts';
import type { AdminClient } from '../client/admin-client.ts';
import { connect } from '../client/connect.ts';
import type { ListAnswer, ResourceJson, TrafficJson } from '../client/types.ts';
import { secondsOf } from '../frame/arguments.ts';
import { type ExitCode, exitCodes } from '../frame/exit-codes.ts';
import { apiVersion, type View } from '../frame/output.ts';
import { usageError } from '../frame/usage.ts';
import type { Verb, VerbContext } from '../frame/verb.ts';
import { decisionView, fetchDecisions } from './decisions.ts';
import { findKind, kindNames } from './kinds.ts';
import {
  agentView,
  auditView,
  identityView,
  resourceView,
  revocationView,
  rootView,
  settingView,
  tokenView,
  trafficView,
} from './nouns.ts';

interface Options {
  readonly expiringWithin?: string;
  readonly all?: boolean;
  readonly limit?: string;
  readonly for?: string;
  readonly action?: string;
  readonly since?: string;
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
  readonly showOrigin?: boolean;
  readonly exitCode?: boolean;
  readonly denied?: boolean;
}

const nouns = [
  'identities',
  'roots',
  'tokens',
  'agents',
  'audit',
  'revocations',
  'config',
  'decisions',
  'traffic',
  'resources',
] as const;
type Noun = (typeof nouns)[number];

const aliases: Readonly<Record<string, Noun>> = {
  identity: 'identities',
  id: 'identities',
  root: 'roots',
  decision: 'decisions',
  token: 'tokens',
  agent: 'agents',
  revocation: 'revocations',
  settings: 'config',
  all: 'resources',
};

/** The pages of a list up to the limit. */
async function pages<T>(
  client: AdminClient,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
  limit: number,
): Promise<readonly T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const size = String(Math.min(1_000, limit - items.length));
    const page = await client.get<ListAnswer<T>>(path, { ...query, limit: size, cursor });
    items.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined && items.length < limit);
  return items;
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return 500;
  if (!/^[1-9]\d{0,6}$/.test(text)) throw usageError(`\`--limit ${text}\` is not a number from 1`);
  return Number(text);
}

async function show<T>(context: VerbContext, view: View<T>, items: Promise<readonly T[]>): Promise<number> {
  const found = await items;
  context.out.list(view, found);
  return found.length;
}

async function getNoun(context: VerbContext, noun: Noun, options: Options): Promise<number> {
  const client = connect(context);
  const now = context.io.now();
  const limit = limitOf(options.limit);
  const items = async <T>(path: string) => (await client.get<ListAnswer<T>>(path)).items;
  switch (noun) {
    case 'identities': {
      const within = options.expiringWithin;
      if (within !== undefined) secondsOf('--expiring-within', within);
      const query = {
        expiringWithin: within,
        spiffeId: options.for,
        includeExpired: options.all === true ? 'true' : undefined,
      };
      return show(context, identityView(now), pages(client, '/identities', query, limit));
    }
    case 'roots':
      return show(context, rootView(now), items('/roots'));
    case 'tokens':
      return show(context, tokenView(now), items('/tokens'));
    case 'agents':
      return show(context, agentView(now), items('/agents'));
    case 'revocations':
      return show(context, revocationView(now), items('/revocations'));
    case 'config':
      return show(context, settingView(options.showOrigin === true), items('/config'));
    case 'audit': {
      const query = { action: options.action, object: options.for, since: sinceOf(options.since, now) };
      return show(context, auditView(now), pages(client, '/audit', query, limit));
    }
    case 'decisions': {
      const page = Math.min(limit, 1_000);
      const since = sinceOf(options.since, now);
      const filter = {
        outcome: options.denied === true ? 'deny' : undefined,
        destination: options.for,
        since,
      };
      return show(context, decisionView(now), fetchDecisions(client, { ...filter, limit: String(page) }));
    }
    case 'traffic': {
      const query = { destination: options.for, since: sinceOf(options.since, now) };
      const list = client.get<ListAnswer<TrafficJson>>('/traffic', { ...query, limit: String(limit) });
      return show(
        context,
        trafficView(now),
        list.then(({ items: rows }) => rows),
      );
    }
    case 'resources':
      return getResources(context, undefined, undefined, options);
  }
}

function sinceOf(text: string | undefined, now: number): string | undefined {
  return text === undefined ? undefined : new Date(now - secondsOf('--since', text) * 1000).toISOString();
}

/** `get KIND [NAME]`: documents in json and yaml are the documents themselves, so they can be applied again. */
async function getResources(
  context: VerbContext,
  kind: string | undefined,
  name: string | undefined,
  options: Options,
): Promise<number> {
  const client = connect(context);
  const namespace = options.namespace ?? 'default';
  if (kind !== undefined && name !== undefined) {
    const found = await client.get<ResourceJson>(`/resources/${kind}/${namespace}/${name}`);
    if (context.out.isStructured) context.out.document(found);
    else context.out.list(resourceView(context.io.now()), [found]);
    return 1;
  }
  const isAll = options.allNamespaces === true || (kind === undefined && options.namespace === undefined);
  const query = { kind, namespace: isAll ? undefined : namespace };
  const { items } = await client.get<ListAnswer<ResourceJson>>('/resources', query);
  if (context.out.isStructured) context.out.document({ apiVersion, kind: 'List', items });
  else context.out.list(resourceView(context.io.now()), items);
  if (items.length === 0 && !isAll)
    context.out.note(`that is in the namespace ${namespace}: -n names another, -A takes all`);
  return items.length;
}

async function run(context: VerbContext, args: readonly string[], options: Options): Promise<number> {
  const [typed = '', second] = args;
  const [head = '', slashed] = typed.split('/', 2);
  const noun = nouns.find((known) => known === head) ?? aliases[head.toLowerCase()];
  if (noun !== undefined && slashed === undefined && second === undefined)
    return getNoun(context, noun, options);
  const kind = findKind(head);
  if (kind !== undefined) return getResources(context, kind, slashed ?? second, options);
  const nearest = nearestName(head, [...nouns, ...kindNames]);
  throw usageError(
    `there is nothing called \`${typed}\` to get`,
    nearest === undefined ? `castellan get ${nouns.join('|')}` : `castellan get ${nearest}`,
  );
}

export const get: Verb = {
  configure: (command, frame) => {
    command
      .argument('<what>', `${nouns.join(', ')}, or a kind of resource`)
      .argument('[name]', 'one resource')
      .option('--expiring-within <duration>', 'identities that end within this time, soonest first')
      .option('--all', 'identities that have ended too')
      .option(
        '--for <object>',
        'identities of one SPIFFE ID; audit entries about one object; decisions and traffic about one namespace/name',
      )
      .option('--denied', 'only decisions that denied')
      .option('--action <name>', 'audit entries of one action')
      .option('--since <duration>', 'audit entries, decisions, traffic of the last 24h, 7d …')
      .option('--limit <n>', 'how many at most (default 500)')
      .option('-n, --namespace <name>', 'resources of one namespace (default "default")')
      .option('-A, --all-namespaces', 'resources of all namespaces')
      .option('--show-origin', 'config: where each value comes from')
      .option('--exit-code', 'exit 1 when nothing was found')
      .action(
        frame.action<Options>(async (context, args, options): Promise<ExitCode | undefined> => {
          const count = await run(context, args, options);
          return count === 0 && options.exitCode === true ? exitCodes.no : undefined;
        }),
      );
    frame.complete(command, async (context, typed) => {
      if (typed.length === 0) return [...nouns, ...kindNames];
      const kind = findKind(typed[0] ?? '');
      if (kind === undefined) return [];
      const { items } = await connect(context).get<ListAnswer<ResourceJson>>('/resources', { kind });
      return items.map(({ metadata }) => metadata.name);
    });
  },
};
