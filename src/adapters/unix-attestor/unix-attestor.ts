import type { WorkloadAttestor, WorkloadPeer } from '../../agent/index.ts';
import type { Selector } from '../../spiffe/index.ts';
import { AccountNames } from './accounts.ts';
import { ExecutableDigests, executablePath } from './executable.ts';

export interface UnixAttestorOptions {
  /** Tell the SHA-256 of the program too: the first process of each program is read once. */
  readonly digests: boolean;
  readonly passwdFile?: string;
  readonly groupFile?: string;
}

const type = 'unix';

/** `unix:uid user gid group supplementary_gid supplementary_group path sha256` (D28): what is certain, and only that. */
export function unixAttestor(options: UnixAttestorOptions): WorkloadAttestor {
  const users = new AccountNames(options.passwdFile ?? '/etc/passwd');
  const groups = new AccountNames(options.groupFile ?? '/etc/group');
  const digests = new ExecutableDigests();
  return {
    name: type,
    async attest(peer: WorkloadPeer): Promise<readonly Selector[]> {
      const selectors: Selector[] = [];
      const add = (name: string, value: string | number | undefined) => {
        if (value !== undefined) selectors.push({ type, value: `${name}:${value}` });
      };
      add('uid', peer.uid);
      add('user', users.nameOf(peer.uid));
      add('gid', peer.gid);
      add('group', groups.nameOf(peer.gid));
      for (const gid of peer.groups) {
        add('supplementary_gid', gid);
        add('supplementary_group', groups.nameOf(gid));
      }
      add('path', executablePath(peer.pid));
      if (options.digests) add('sha256', await digests.digestOf(peer.pid));
      return selectors;
    },
  };
}
