/** What was decided: recorded, listed, explained. */
export { decisionErrors } from './errors.ts';
export { type DecisionExplanation, type ExplainDeps, explainDecision } from './explain-decision.ts';
export { listDecisions } from './list-decisions.ts';
export {
  type DecisionRecord,
  mask,
  type RecordedRequest,
  recordOf,
  recordRequest,
  requestOf,
} from './record.ts';
export { DecisionRecorder, destinationOf, type RecorderOptions } from './recorder.ts';
