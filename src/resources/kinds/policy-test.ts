import type { PositionedNode } from '../read/node.ts';
import type { Resource } from '../resource.ts';

/** Envelope only here: the cases are read, with their positions, by the runner in the policy room. */
export interface PolicyTestSpec {
  readonly node: PositionedNode;
}

export type PolicyTest = Resource<'PolicyTest', PolicyTestSpec>;
