import type {
  AuditCheckpoints,
  AuditEntry,
  AuditFault,
  AuditFinding,
  AuditHead,
  AuditReport,
} from '../ports/audit.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { type AuditRow, emptyHead, hashBody, readEntry } from './entry.ts';

export interface VerifyOptions {
  /** Where a pruned chain begins; a base above 0 must be vouched for by a checkpoint. */
  readonly base?: AuditHead | undefined;
  /** The head the database itself remembers. */
  readonly recordedHead?: AuditHead | undefined;
  readonly instance?: string | undefined;
  readonly checkpoints?: AuditCheckpoints | undefined;
}

type Rows = Iterable<AuditRow> | AsyncIterable<AuditRow>;

/** Walks the chain oldest first and stops at the first entry that is not what was written (S23). */
export async function verifyAudit(rows: Rows, options: VerifyOptions = {}): Promise<AuditReport> {
  const walk = new ChainWalk(options);
  let firstBad = walk.findForgedCheckpoint() ?? walk.checkBase();
  if (firstBad === undefined)
    for await (const row of rows) {
      firstBad = walk.step(row);
      if (firstBad !== undefined) break;
    }
  firstBad ??= walk.checkEnd();
  return {
    ok: firstBad === undefined,
    firstBad,
    entries: walk.entries,
    head: walk.head,
    checkpointsHeld: walk.held,
    notes: walk.notes,
  };
}

class ChainWalk {
  head: AuditHead;
  entries = 0;
  held = 0;
  readonly notes: string[] = [];
  readonly #options: VerifyOptions;
  readonly #checkpoints: Checkpoint[] = [];
  #forged: AuditFinding | undefined;
  #next = 0;
  #lastHeld = 0;
  #epoch = 0;

  constructor(options: VerifyOptions) {
    this.#options = options;
    this.head = options.base ?? emptyHead;
    this.#readCheckpoints(options);
  }

  findForgedCheckpoint(): AuditFinding | undefined {
    return this.#forged;
  }

  /** A chain may begin above 1 only where a checkpoint saw it. */
  checkBase(): AuditFinding | undefined {
    const { base = emptyHead, checkpoints } = this.#options;
    while ((this.#checkpoints[this.#next]?.sequence ?? Number.POSITIVE_INFINITY) <= base.sequence)
      this.#next++;
    if (base.sequence === 0 || checkpoints === undefined) return undefined;
    const vouched = this.#checkpoints.some((c) => c.sequence === base.sequence && c.hash === base.hash);
    return vouched
      ? undefined
      : finding(1, 'missing', `no checkpoint vouches for a start at ${base.sequence + 1}`);
  }

  step(row: AuditRow): AuditFinding | undefined {
    const expected = this.head.sequence + 1;
    if (row.sequence > expected)
      return finding(expected, 'missing', `the next entry there is ${row.sequence}`);
    if (row.sequence < expected) return finding(row.sequence, 'moved', `it stands where ${expected} belongs`);
    if (hashBody(row.body) !== row.hash)
      return finding(expected, 'altered', 'its hash does not match its content');
    const entry = readEntrySafely(row);
    if (entry?.sequence !== expected)
      return finding(expected, 'moved', `its content is that of entry ${entry?.sequence ?? '?'}`);
    if (entry.prevHash !== this.head.hash)
      return finding(expected, 'broken-link', `it does not follow from entry ${expected - 1} as that is now`);
    this.#noteEpoch(entry);
    this.head = { sequence: row.sequence, hash: row.hash };
    this.entries++;
    return this.#compareCheckpoints();
  }

  checkEnd(): AuditFinding | undefined {
    const recorded = this.#options.recordedHead;
    const end = this.head.sequence;
    for (const checkpoint of this.#checkpoints.slice(this.#next)) {
      if (this.#isSuperseded(checkpoint)) continue;
      return finding(
        end + 1,
        'truncated',
        `a checkpoint saw ${checkpoint.sequence} entries and there are ${end}`,
      );
    }
    if (recorded === undefined || recorded.hash === this.head.hash) return undefined;
    return recorded.sequence > end
      ? finding(
          end + 1,
          'truncated',
          `the database remembers ${recorded.sequence} entries and there are ${end}`,
        )
      : finding(end, 'forked', 'the last entry is not the one the database remembers');
  }

  #readCheckpoints({ checkpoints, instance }: VerifyOptions): void {
    let foreign = 0;
    let last = 0;
    for (const line of checkpoints?.lines ?? []) {
      const checkpoint = checkpoints && parseCheckpoint(line, checkpoints.verifier);
      if (checkpoint === undefined) {
        this.#forged ??= finding(
          last + 1,
          'checkpoint-forged',
          `not a checkpoint signed by the audit key: ${line.slice(0, 80)}`,
        );
        continue;
      }
      last = checkpoint.sequence;
      if (instance !== undefined && checkpoint.instance !== instance) foreign++;
      else this.#checkpoints.push(checkpoint);
    }
    this.#checkpoints.sort((a, b) => a.sequence - b.sequence || a.epoch - b.epoch);
    if (foreign > 0) this.notes.push(`${foreign} checkpoints of another instance were left out`);
  }

  #noteEpoch(entry: AuditEntry): void {
    this.#epoch = entry.epoch;
    if (entry.action !== 'store.restore' && entry.action !== 'store.accept-loss') return;
    const left = this.#checkpoints.filter(
      (c) => c.sequence >= entry.sequence && c.epoch < entry.epoch,
    ).length;
    this.notes.push(
      `entry ${entry.sequence} is a ${entry.action}: ${left} checkpoints of what came after the backup no longer apply`,
    );
  }

  #compareCheckpoints(): AuditFinding | undefined {
    for (;;) {
      const checkpoint = this.#checkpoints[this.#next];
      if (checkpoint === undefined || checkpoint.sequence > this.head.sequence) return undefined;
      this.#next++;
      if (checkpoint.hash === this.head.hash) {
        this.held++;
        this.#lastHeld = checkpoint.sequence;
      } else if (!this.#isSuperseded(checkpoint))
        return finding(
          this.#lastHeld + 1,
          'forked',
          `the chain was rewritten between ${this.#lastHeld + 1} and ${checkpoint.sequence}: a checkpoint saw another one`,
        );
    }
  }

  /** A restore begins a new epoch: what older epochs wrote at this height or above is no longer in this chain. */
  #isSuperseded(checkpoint: Checkpoint): boolean {
    return checkpoint.epoch < this.#epoch;
  }
}

function finding(sequence: number, fault: AuditFault, detail: string): AuditFinding {
  return { sequence, fault, detail };
}

function readEntrySafely(row: AuditRow): AuditEntry | undefined {
  try {
    return readEntry(row);
  } catch {
    return undefined;
  }
}
