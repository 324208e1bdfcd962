import { isCastellanError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Selector } from '../spiffe/index.ts';
import { agentErrors } from './errors.ts';

/** The process at the other end of a local connection, as the kernel knew it when it connected. */
export interface WorkloadPeer {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
  /** False once that process has ended: its number may be another's now. */
  isAlive(): boolean;
}

/** Finds out what a process is. Unix is one; containers and Kubernetes are others. */
export interface WorkloadAttestor {
  /** The type of its selectors. */
  readonly name: string;
  /** What is certain, and only that: what cannot be read is left out. May throw. */
  attest(peer: WorkloadPeer): Promise<readonly Selector[]>;
}

/**
 * Everything that the attestors know of a process. Nothing counts unless the process was still the one that connected
 * after all was read: else a number that was given again would lend its new owner's facts to the old connection (D28).
 */
export async function attestWorkload(
  attestors: readonly WorkloadAttestor[],
  peer: WorkloadPeer | undefined,
  logger: Logger,
): Promise<readonly Selector[]> {
  if (peer === undefined || !peer.isAlive()) throw agentErrors.WORKLOAD_NOT_ATTESTED();
  const found = await Promise.all(
    attestors.map(async (attestor) => {
      try {
        return await attestor.attest(peer);
      } catch (error) {
        logger.warn('an attestor failed; what it would have said does not count', {
          attestor: attestor.name,
          pid: peer.pid,
          detail: error instanceof Error ? error.message : String(error),
        });
        return undefined;
      }
    }),
  );
  if (!peer.isAlive()) throw agentErrors.WORKLOAD_NOT_ATTESTED();
  const selectors = found.flatMap((some) => some ?? []);
  if (selectors.length === 0) throw agentErrors.WORKLOAD_NOT_ATTESTED();
  return selectors;
}

/** True when the failure is about who calls, not about the machinery. */
export function isAttestationRefusal(error: unknown): boolean {
  return isCastellanError(error, 'WORKLOAD_NOT_ATTESTED');
}
