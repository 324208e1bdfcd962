/**
 * A certificate through the CSR door as a workload gets it: TLS, bearer token, every check, durable record. h2load is
 * the client, the server a process of its own; CPU is what that process used. The floor is the sum of parts that no
 * such server can leave out, each measured alone in the same run.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callerProfile, parseKeySet, verifyJwt } from '../../src/jwt/index.ts';
import { defaultKeyPolicy, parsePublicKey, readPublicKey } from '../../src/x509/index.ts';
import { startServer } from '../../test/support/cli-process.ts';
import { makeCertificate } from '../../test/support/foreign-pki.ts';
import { createCertificatePath } from '../../test/support/istio-client.ts';
import { against, type Bench, cpuPerCall, type Figure, median } from '../support/bench.ts';
import { type Caller, type Csr, csrOf, issued, makeCaller } from '../support/csr-load.ts';
import { h2load, type Loaded } from '../support/h2load.ts';
import { cpuMicrosOf } from '../support/process-figures.ts';
import { bareRecordCost, openBenchStore, recordRound } from '../support/records.ts';

const rounds = 5;

/** How many calls are under way at once, how many make a round, and how many rounds make the servers' code warm. */
const loads = {
  64: { connections: 4, streams: 16, calls: 4000, warmUps: 8 },
  1: { connections: 1, streams: 1, calls: 400, warmUps: 0 },
} as const;
type InFlight = keyof typeof loads;

export const bench: Bench = async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'castellan-bench-csr-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(scratch, { recursive: true, force: true }));
  const caller = makeCaller(scratch);
  const [verifying, remembering] = [
    await openServer(stack, join(scratch, 'verifying'), `${caller.settings}, verifiedTokens: 0 }\n`),
    await openServer(stack, join(scratch, 'remembering'), `${caller.settings} }\n`),
  ];
  const empty = await openEmptyServer(stack, scratch);
  const ec = csrOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  const rsa = csrOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
  const parts = await openParts(stack, { scratch, caller, ec, rsa });
  const figures: Figure[] = [];
  for (const inFlight of [64, 1] as const) {
    const subjects = {
      empty: () => empty.load(inFlight),
      verifying: () => verifying.load(inFlight, ec, caller.token),
      remembering: () => remembering.load(inFlight, ec, caller.token),
      rsa: () => verifying.load(inFlight, rsa, caller.token),
    };
    figures.push(
      ...report(inFlight, await measureInTurns(inFlight, subjects, () => parts.measure(inFlight))),
    );
  }
  return figures;
};

/** One round of load: what the client saw, and the CPU that the server used for each call, in µs. */
interface Round extends Loaded {
  readonly cpu: number;
}

/** As people start it: the launcher's flags are part of what is measured. BENCH_NODE_OPTIONS adds to them. */
async function openServer(stack: AsyncDisposableStack, directory: string, settings: string) {
  mkdirSync(directory);
  const config = join(directory, 'castellan.yaml');
  writeFileSync(config, settings, { mode: 0o600 });
  const { BENCH_NODE_OPTIONS: nodeOptions = '' } = process.env;
  const env: Record<string, string> = nodeOptions === '' ? {} : { NODE_OPTIONS: nodeOptions };
  const server = await startServer({ cwd: directory, env, args: ['--config', config] });
  const pid = server.process.pid as number;
  stack.defer(async () => void (await server.stop()));
  return {
    async load(inFlight: InFlight, csr: Csr, token: string): Promise<Round> {
      const before = await issued(server);
      const round = await loadedRound(pid, inFlight, {
        address: server.endpoints.csr,
        path: createCertificatePath,
        message: csr.message,
        headers: { authorization: `Bearer ${token}` },
      });
      const made = (await issued(server)) - before;
      // h2load counts HTTP 200; whether each call ended in a certificate, the server's own count says.
      if (made !== loads[inFlight].calls) throw new Error(`${made} certificates came of the calls`);
      return round;
    },
  };
}

async function openEmptyServer(stack: AsyncDisposableStack, scratch: string) {
  const certificate = await makeCertificate({ dnsNames: ['localhost'], ips: ['127.0.0.1'] });
  const [certificateFile, keyFile] = [join(scratch, 'empty.pem'), join(scratch, 'empty-key.pem')];
  writeFileSync(certificateFile, certificate.pem);
  writeFileSync(keyFile, certificate.privateKeyPem, { mode: 0o600 });
  const program = join(import.meta.dirname, '../support/empty-grpc-server.ts');
  const child: ChildProcess = fork(program, [certificateFile, keyFile]);
  stack.defer(() => child.disconnect());
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const count = async () => {
    child.send('count');
    return ((await once(child, 'message')) as [{ calls: number }])[0].calls;
  };
  return {
    async load(inFlight: InFlight): Promise<Round> {
      const before = await count();
      const round = await loadedRound(child.pid as number, inFlight, {
        address: `127.0.0.1:${port}`,
        path: '/bench.Empty/Call',
        message: new Uint8Array(),
      });
      if ((await count()) - before !== loads[inFlight].calls) throw new Error('calls went missing');
      return round;
    },
  };
}

async function loadedRound(
  pid: number,
  inFlight: InFlight,
  load: Omit<Parameters<typeof h2load>[0], 'calls' | 'connections' | 'streams'>,
): Promise<Round> {
  const before = cpuMicrosOf(pid);
  const { connections, streams, calls } = loads[inFlight];
  const loaded = await h2load({ ...load, connections, streams, calls });
  return { ...loaded, cpu: (cpuMicrosOf(pid) - before) / calls };
}

/** The subjects take turns, and the parts with them, so that all see the same machine. Medians of the rounds. */
async function measureInTurns<K extends string>(
  inFlight: InFlight,
  subjects: Readonly<Record<K, () => Promise<Round>>>,
  measureParts: () => Promise<PartCosts>,
): Promise<{ readonly loads: Readonly<Record<K, Round>>; readonly parts: PartCosts }> {
  const names = Object.keys(subjects) as K[];
  const seen = Object.fromEntries(names.map((name) => [name, [] as Round[]])) as Record<K, Round[]>;
  const seenParts: PartCosts[] = [];
  const { warmUps } = loads[inFlight];
  for (let round = 0; round < warmUps + rounds; round++) {
    const parts = await measureParts();
    if (round >= warmUps) seenParts.push(parts);
    for (const name of names) {
      const one = await subjects[name]();
      if (round >= warmUps) seen[name].push(one);
    }
  }
  const middles = names.map((name) => [name, middleOf(seen[name])]);
  return { loads: Object.fromEntries(middles) as Record<K, Round>, parts: middleOf(seenParts) };
}

/** Each figure's own median. */
function middleOf<T extends object>(of: readonly T[]): T {
  const names = Object.keys(of[0] ?? {}) as (keyof T)[];
  const values = names.map((name) => [name, median(of.map((one) => one[name] as number))]);
  return Object.fromEntries(values) as T;
}

/** CPU in µs of what a certificate cannot be had without. A type, not an interface: `middleOf` walks over it. */
type PartCosts = Readonly<Record<'ec' | 'rsa' | 'rsaChecks' | 'token' | 'record' | 'bareRecord', number>>;

interface PartsOf {
  readonly scratch: string;
  readonly caller: Caller;
  readonly ec: Csr;
  readonly rsa: Csr;
}

/** The parts run in this process. Meanwhile a neighbour keeps the other core as busy as the client keeps it. */
async function openParts(stack: AsyncDisposableStack, { scratch, caller, ec, rsa }: PartsOf) {
  const store = stack.use(await openBenchStore(join(scratch, 'records')));
  const keys = parseKeySet(caller.issuer.jwks());
  const profile = callerProfile({ issuer: caller.issuer.issuer, audiences: ['istio-ca'] });
  const spki = createPublicKey(rsa.privateKey).export({ format: 'der', type: 'spki' });
  const [ecOnce, rsaOnce] = [importVerifySign(ec), importVerifySign(rsa)];
  const once = (run: () => unknown) => cpuPerCall(400, run, 1);
  return {
    async measure(inFlight: InFlight): Promise<PartCosts> {
      const neighbour = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
      try {
        const plain = await once(() => readPublicKey(spki));
        const checked = await once(() => parsePublicKey(spki, defaultKeyPolicy));
        return {
          ec: await once(ecOnce),
          rsa: await once(rsaOnce),
          rsaChecks: checked - plain,
          token: await once(() => verifyJwt(caller.token, keys, profile, Date.now())),
          record: (await recordRound(store, inFlight, inFlight * 20 + 300)).cpuMicros,
          bareRecord: bareRecordCost(scratch, inFlight, 20),
        };
      } finally {
        neighbour.kill('SIGKILL');
      }
    },
  };
}

/** Import the CSR's key, verify its signature, sign a leaf with P-256. */
function importVerifySign(csr: Csr): () => void {
  const issuerKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const spki = createPublicKey(csr.privateKey).export({ format: 'der', type: 'spki' });
  const signature = sign('sha256', csr.der, csr.privateKey);
  return () => {
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    if (!verify('sha256', csr.der, key, signature)) throw new Error('the signature does not hold');
    sign('sha256', csr.der, issuerKey);
  };
}

type Measured = Awaited<ReturnType<typeof measureInTurns<'empty' | 'verifying' | 'remembering' | 'rsa'>>>;

function report(inFlight: InFlight, { loads: round, parts }: Measured): Figure[] {
  const rest = round.empty.cpu + parts.record;
  const at = `${inFlight} in flight`;
  const row = (name: string, { cpu, perSecond, p50, p99 }: Round, floor: number): Figure[] => [
    against(floor, { name: `CPU per certificate, ${name}, ${at}`, value: cpu, unit: 'µs' }),
    { name: `certificates, ${name}, ${at}`, value: perSecond, unit: '/s' },
    { name: `p50, ${name}, ${at}`, value: p50, unit: 'ms' },
    { name: `p99, ${name}, ${at}`, value: p99, unit: 'ms' },
  ];
  const part = (name: string, value: number): Figure => ({
    name: `part: ${name}, ${at}`,
    value,
    unit: 'µs',
  });
  return [
    ...row('P-256, token verified each time', round.verifying, parts.ec + parts.token + rest),
    ...row('P-256, token remembered', round.remembering, parts.ec + rest),
    ...row('RSA-2048, token verified each time', round.rsa, parts.rsa + parts.rsaChecks + parts.token + rest),
    part('import + verify + sign, P-256', parts.ec),
    part('import + verify + sign, RSA-2048', parts.rsa),
    part('key checks, RSA-2048', parts.rsaChecks),
    part('one verification of the token', parts.token),
    part('one empty grpc-js call over TLS', round.empty.cpu),
    part('one durable record of ours', parts.record),
    part('one durable row in a bare table', parts.bareRecord),
  ];
}
