import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applyResources } from '../../src/operations/apply-resource.ts';
import { deleteResource } from '../../src/operations/delete-resource.ts';
import { testOperator } from '../support/apply.ts';
import { type Castellan, castellan } from '../support/castellan.ts';
import { ask, CheckClient, cartEntry } from '../support/check-harness.ts';
import { policyYaml } from '../support/policy.ts';
import { eventually } from '../support/store.ts';

let scratch: string;
let directory: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'castellan-policies-'));
  directory = join(scratch, 'policies');
  mkdirSync(directory);
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

const denyAll = policyYaml('only', '{}');
const allowAll = policyYaml('only', '{rules: [{}]}');

/** Written beside and renamed, as one should. */
function put(path: string, text: string, into = directory): void {
  writeFileSync(join(scratch, 'next'), text);
  renameSync(join(scratch, 'next'), join(into, path));
}

function serve(stateDir?: string, settings = `policy: {directory: ${directory}}\n`): Promise<Castellan> {
  return castellan({ settings, ...(stateDir === undefined ? {} : { stateDir }) });
}

async function titles({ server }: Castellan): Promise<readonly string[]> {
  const stored = await server.state.store.resources.list();
  return stored.map(({ kind, name, owner }) => `${kind}/${name} ${owner}`).sort();
}

async function outcome(client: CheckClient): Promise<string | undefined> {
  const { response } = await client.check(ask());
  return response.status?.code === 0 ? 'allow' : response.status?.message;
}

/** The door's own answer, whatever way the policies took. */
async function becomes(client: CheckClient, wanted: string): Promise<void> {
  let said: string | undefined;
  for (let asked = 0; said !== wanted; asked++) {
    if (asked > 20_000) throw new Error(`still ${said}`);
    said = await outcome(client);
  }
}

async function metrics({ server }: Castellan): Promise<string> {
  return await (await fetch(`http://${server.endpoints.observability}/metrics`)).text();
}

const problemOf = async ({ server }: Castellan) => {
  const text = await metrics({ server } as Castellan);
  return text.match(/^castellan_policy_directory_in_force (\d)/m)?.[1] === '0';
};

const logged = ({ logger }: Castellan) => JSON.stringify(logger.lines);

describe('a policy directory', () => {
  it('is in force from the first check, with every file of it and the folders below', async () => {
    mkdirSync(join(directory, 'shop'));
    put('workloads.yaml', cartEntry);
    put('shop/cart.yaml', denyAll);
    put('README.md', 'no resource');
    await using running = await serve();
    using client = new CheckClient(running.server.endpoints.extAuthz);
    expect(await outcome(client)).toBe('denied_no_allow_match');
    expect(await titles(running)).toEqual([
      'AuthorizationPolicy/only directory:shop/cart.yaml',
      'WorkloadEntry/cart directory:workloads.yaml',
    ]);
  });

  it('that changes is in force at the doors; a file that goes takes its resources along', async () => {
    put('workloads.yaml', cartEntry);
    put('cart.yaml', denyAll);
    await using running = await serve();
    using client = new CheckClient(running.server.endpoints.extAuthz);
    put('cart.yaml', allowAll);
    await becomes(client, 'allow');
    put('more.yaml', policyYaml('more', '{action: DENY, rules: [{}]}'));
    await becomes(client, 'denied_by_policy');
    unlinkSync(join(directory, 'more.yaml'));
    await becomes(client, 'allow');
    const { store } = running.server.state;
    const actions = (await store.audit.list({ limit: 10 })).map(
      ({ action, actorMethod }) => `${actorMethod} ${action}`,
    );
    expect(actions).toContain('directory resource.delete');
  });

  it('is taken up whole when kubelet swaps its ..data, never in part (adv:P11)', async () => {
    const version = (name: string, cart: string, workloads: string) => {
      mkdirSync(join(directory, name));
      put('cart.yaml', cart, join(directory, name));
      put('workloads.yaml', workloads, join(directory, name));
    };
    version('..one', denyAll, cartEntry);
    symlinkSync('..one', join(directory, '..data'));
    symlinkSync('..data/cart.yaml', join(directory, 'cart.yaml'));
    symlinkSync('..data/workloads.yaml', join(directory, 'workloads.yaml'));
    await using running = await serve();
    using client = new CheckClient(running.server.endpoints.extAuthz);
    expect(await outcome(client)).toBe('denied_no_allow_match');
    const revisions: bigint[] = [];
    using _watch = running.server.state.store.resources.watch(
      ({ revision }) => void revisions.push(revision),
    );
    version('..two', allowAll, cartEntry.replace('app: cart', 'app: cart, tier: two'));
    symlinkSync('..two', join(directory, '..tmp'));
    renameSync(join(directory, '..tmp'), join(directory, '..data'));
    await becomes(client, 'allow');
    expect(revisions).toHaveLength(1);
  });

  it('that is itself a symlink is followed when it points elsewhere, as git-sync swaps it', async () => {
    const one = join(scratch, 'one');
    const two = join(scratch, 'two');
    for (const [path, cart] of [
      [one, denyAll],
      [two, allowAll],
    ] as const) {
      mkdirSync(path);
      put('all.yaml', cartEntry + cart, path);
    }
    rmSync(directory, { recursive: true });
    symlinkSync(one, directory);
    await using running = await serve();
    using client = new CheckClient(running.server.endpoints.extAuthz);
    expect(await outcome(client)).toBe('denied_no_allow_match');
    symlinkSync(two, join(scratch, 'link'));
    renameSync(join(scratch, 'link'), directory);
    await becomes(client, 'allow');
  });

  it.each([
    [
      'a file with a mistake',
      () => put('cart.yaml', policyYaml('only', '{rules: [{from: [{source: {principal: [x]}}]}]}')),
    ],
    ['a file that is no YAML', () => put('cart.yaml', 'a: [')],
    ['a file that is cut to nothing', () => writeFileSync(join(directory, 'cart.yaml'), '')],
    [
      'a file that is not UTF-8',
      () => writeFileSync(join(directory, 'cart.yaml'), Buffer.from([0xff, 0xfe, 0x41])),
    ],
    ['the same resource twice', () => put('twin.yaml', allowAll)],
    [
      'no file at all',
      () => {
        unlinkSync(join(directory, 'cart.yaml'));
        unlinkSync(join(directory, 'workloads.yaml'));
      },
    ],
    ['no directory', () => rmSync(directory, { recursive: true })],
  ])(
    'with %s keeps the last good version, and says so in log, metric and status; corrected, it is taken up (adv:P10 adv:P11)',
    async (_, spoil) => {
      put('workloads.yaml', cartEntry);
      put('cart.yaml', denyAll);
      await using running = await serve();
      using client = new CheckClient(running.server.endpoints.extAuthz);
      const before = await titles(running);
      spoil();
      await eventually(() => expect(logged(running)).toContain('last good version stays in force'));
      expect(await problemOf(running)).toBe(true);
      expect(await titles(running)).toEqual(before);
      expect(await outcome(client)).toBe('denied_no_allow_match');
      rmSync(join(directory, 'twin.yaml'), { force: true });
      mkdirSync(directory, { recursive: true });
      put('workloads.yaml', cartEntry);
      put('cart.yaml', allowAll);
      await becomes(client, 'allow');
      expect(await problemOf(running)).toBe(false);
    },
  );

  it('that is missing at a start leaves the policies of before in force', async () => {
    put('all.yaml', cartEntry + denyAll);
    const stateDir = join(scratch, 'state');
    await (await serve(stateDir))[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
    await using running = await serve(stateDir);
    using client = new CheckClient(running.server.endpoints.extAuthz);
    expect(await outcome(client)).toBe('denied_no_allow_match');
    expect(await problemOf(running)).toBe(true);
  });
});

describe('what a policy directory owns', () => {
  const apply = ({ server }: Castellan, text: string) =>
    applyResources(server.state.store.resources, testOperator, {
      text,
      file: 'hand.yaml',
      defaultNamespace: 'shop',
      dryRun: false,
    });

  it('is not changed or deleted by the API, which names the file; what it does not own is', async () => {
    put('shop.yaml', cartEntry + denyAll);
    await using running = await serve();
    await expect(apply(running, allowAll)).rejects.toMatchObject({
      code: 'RESOURCE_OWNED_BY_DIRECTORY',
      message: expect.stringContaining('directory:shop.yaml') as string,
    });
    const key = { kind: 'AuthorizationPolicy', namespace: 'shop', name: 'only' };
    await expect(
      deleteResource(running.server.state.store.resources, testOperator, { ...key, dryRun: false }),
    ).rejects.toMatchObject({ code: 'RESOURCE_OWNED_BY_DIRECTORY', kind: 'conflict' });
    expect(await apply(running, policyYaml('mine', '{rules: [{}]}'))).toMatchObject({ applied: true });
  });

  it('may be changed by the API when no directory is configured any more', async () => {
    put('shop.yaml', cartEntry + denyAll);
    const stateDir = join(scratch, 'state');
    await (await serve(stateDir))[Symbol.asyncDispose]();
    await using running = await serve(stateDir, '');
    expect(await apply(running, allowAll)).toMatchObject({ applied: true });
    expect(await titles(running)).toEqual(['AuthorizationPolicy/only ', 'WorkloadEntry/cart ']);
  });
});
