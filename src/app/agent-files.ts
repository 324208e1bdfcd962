import { unixAttestor } from '../adapters/unix-attestor/index.ts';
import { type FileSet, notifyChange, writeFileSet } from '../adapters/workload-files/index.ts';
import type { NodeAgent, OfferedIdentity, ReadyState } from '../agent/index.ts';
import { formatCertificatePem, formatPem } from '../x509/index.ts';
import type { Environment } from './environment.ts';
import type { Settings } from './settings/index.ts';

const retryMs = 5_000;

/**
 * Keeps key.pem, cert.pem and bundle.pem in a directory, for programs that read files. The agent is a workload like any
 * other here: it has the identities that are registered for its own user and program, and no others.
 */
export async function keepFiles(
  node: NodeAgent,
  settings: Settings['agent'],
  { clock, logger }: Environment,
): Promise<Disposable> {
  const { dir, spiffeId, command, pidFile, signal } = settings.files;
  if (dir === undefined) return { [Symbol.dispose]: () => undefined };
  const self = {
    pid: process.pid,
    uid: process.geteuid?.() ?? -1,
    gid: process.getegid?.() ?? -1,
    groups: process.getgroups?.() ?? [],
    isAlive: () => true,
  };
  const selectors = await unixAttestor({ digests: settings.digests }).attest(self);
  let isBusy = false;
  let isAsked = false;
  let isClosed = false;
  let written: ReadyState | undefined;
  let inForce = '';
  let timer: Disposable | undefined;
  const work = async () => {
    const state = subscription.state();
    // What changes while it works is looked at when it is done.
    isAsked = isBusy;
    if (isBusy || isClosed || state.kind !== 'ready' || state === written) return;
    isBusy = true;
    try {
      const identity = pick(state, spiffeId);
      const files = filesOf(identity, state);
      const content = JSON.stringify(files);
      if (content !== inForce) await writeFileSet(dir, files);
      written = state;
      if (content === inForce) return;
      inForce = content;
      await notifyChange({ command, pidFile, signal, directory: dir });
      node.alarms.lower('workload_files', dir);
      logger.info('files were exchanged', { directory: dir, spiffeId: identity.svid.spiffeId.uri });
    } catch (error) {
      node.alarms.raise('workload_files', dir, (error as Error).message);
      timer = clock.schedule(retryMs, wake);
    } finally {
      isBusy = false;
    }
    if (isAsked) await work();
  };
  const wake = () => void work();
  const subscription = node.workloads.subscribe(selectors, wake);
  wake();
  return {
    [Symbol.dispose]() {
      isClosed = true;
      timer?.[Symbol.dispose]();
      subscription[Symbol.dispose]();
    },
  };
}

function pick({ identities }: ReadyState, spiffeId: string | undefined): OfferedIdentity {
  const found = identities.find(({ svid }) => spiffeId === undefined || svid.spiffeId.uri === spiffeId);
  if (found === undefined) throw new Error(`\`${spiffeId}\` is not registered for this agent's own process`);
  return found;
}

function filesOf({ svid }: OfferedIdentity, { bundles }: ReadyState): FileSet {
  return {
    'key.pem': formatPem('PRIVATE KEY', svid.privateKeyPkcs8),
    'cert.pem': svid.chainDer.map(formatCertificatePem).join(''),
    'bundle.pem': bundles.own.roots.map(({ der }) => formatCertificatePem(der)).join(''),
  };
}
