/** What was decided: recorded, listed, explained. */
export { decisionErrors } from './errors.ts';
export { type DecisionExplanation, type ExplainDeps, explainDecision } from './explain-decision.ts';
export { listDecisions } from './list-decisions.ts';
export { pathShape } from './path-shape.ts';
export {
  type DecisionRecord,
  mask,
  type RecordedRequest,
  recordOf,
  recordRequest,
  requestOf,
} from './record.ts';
export { DecisionRecorder, destinationOf, type RecorderOptions } from './recorder.ts';
export { type ShippingOptions, ShippingRing } from './shipping-ring.ts';
export { type SimulateDeps, type SimulateRequest, type Simulation, Simulator } from './simulate.ts';
export type { FlipGroup, UndecidableGroup } from './simulation-report.ts';
export { takeShippedDecisions, writeDecisionRow } from './take-shipped.ts';
