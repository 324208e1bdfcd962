import type { HeldCertificate, NodeReport, SyncStream } from './ports.ts';
import type { WorkloadSvid } from './svid-keeper.ts';
import type { NodeView } from './view.ts';

/** Room for certificates in one report; a request message is at most 64 KiB. */
const maxReportBytes = 40 * 1024;

/** What of the answers is not in the view. */
export interface ToldInForce {
  /** Why the last answer was refused; empty when it was not. */
  readonly refused: string;
  /** By which policy this node decides; empty where it does not. */
  readonly policyRevision: string;
  /** Key sets to be fetched again; of this time only. */
  readonly wantedKeySets: readonly string[];
}

/** What one stream has told the server, so that it is told no more than what changed. */
export class NodeReports {
  readonly #stream: SyncStream;
  readonly #told = new Map<string, WorkloadSvid>();

  constructor(stream: SyncStream) {
    this.#stream = stream;
  }

  /** Tells what is in force, in as many messages as it takes. */
  tell(view: NodeView, told: ToldInForce, held: readonly WorkloadSvid[]): void {
    const now = new Map(held.map((svid) => [svid.serial, svid]));
    const ended = [...this.#told.keys()].filter((serial) => !now.has(serial));
    const began = held.filter(({ serial }) => !this.#told.has(serial));
    for (const serial of ended) this.#told.delete(serial);
    for (const svid of began) this.#told.set(svid.serial, svid);
    const common = {
      revision: view.revision,
      refused: told.refused,
      bundleSequences: new Map([...view.bundles.values()].map((one) => [one.trustDomain, one.sequence])),
      policyRevision: told.policyRevision,
    };
    let { wantedKeySets } = told;
    for (const part of partition(began.map(toHeld), ended)) {
      this.#stream.report({ ...common, wantedKeySets, ...part });
      wantedKeySets = [];
    }
  }
}

function toHeld({ spiffeId, serial, issuerKeyId, notAfter }: WorkloadSvid): HeldCertificate {
  return { spiffeId: spiffeId.uri, serial, issuerKeyId, notAfter };
}

type Part = Pick<NodeReport, 'began' | 'endedSerials'>;

/** At least one part, each small enough. */
function partition(began: readonly HeldCertificate[], ended: readonly string[]): Part[] {
  const parts: { began: HeldCertificate[]; endedSerials: string[] }[] = [{ began: [], endedSerials: [] }];
  let bytes = 0;
  const room = (size: number) => {
    if (bytes + size > maxReportBytes) {
      parts.push({ began: [], endedSerials: [] });
      bytes = 0;
    }
    bytes += size;
    return parts.at(-1) as (typeof parts)[number];
  };
  for (const serial of ended) room(serial.length + 4).endedSerials.push(serial);
  for (const held of began)
    room(held.spiffeId.length + held.serial.length + held.issuerKeyId.length + 24).began.push(held);
  return parts;
}
