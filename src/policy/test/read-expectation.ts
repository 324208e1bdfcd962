import { Fields, type PositionedNode, type Report } from '../../resources/index.ts';
import { decisionReasons, stages } from '../decision.ts';
import type { Expectation } from './model.ts';

const outcomes = ['allow', 'deny'] as const;
const known = [
  'outcome',
  'reason',
  'stage',
  'policy',
  'audit',
  'status',
  'grpcStatus',
  'body',
  'detail',
  'headers',
  'path',
  'forwards',
  'setHeaders',
  'removeHeaders',
  'wouldHave',
];

const nothing: Omit<Expectation, 'outcome'> = Object.freeze({
  reason: undefined,
  stage: undefined,
  policy: undefined,
  audit: undefined,
  status: undefined,
  grpcStatus: undefined,
  body: undefined,
  detail: undefined,
  headers: undefined,
  path: undefined,
  forwards: undefined,
  setHeaders: undefined,
  removeHeaders: undefined,
  wouldHave: undefined,
});

/** `allow`, `deny`, or an object that names more of the decision. */
export function readExpectation(node: PositionedNode, report: Report): Expectation | undefined {
  if (node.kind === 'scalar') {
    const outcome = outcomes.find((one) => one === node.text);
    if (outcome === undefined) report.add('CAS0915', node, `\`${node.text}\` is not one of allow, deny`);
    return outcome === undefined ? undefined : Object.freeze({ ...nothing, outcome });
  }
  const fields = Fields.of(node, known, report);
  if (fields === undefined) return undefined;
  const outcome = fields.oneOf('outcome', outcomes);
  if (!fields.has('outcome')) fields.missing('outcome');
  if (outcome === undefined) return undefined;
  return Object.freeze({
    outcome,
    reason: fields.oneOf('reason', decisionReasons),
    stage: fields.oneOf('stage', stages),
    policy: fields.text('policy'),
    audit: fields.text('audit'),
    status: fields.integer('status', { min: 0, max: 599 }),
    grpcStatus: fields.integer('grpcStatus', { min: 0, max: 16 }),
    body: fields.text('body'),
    detail: fields.text('detail'),
    headers: fields.has('headers') ? fields.textMap('headers') : undefined,
    path: fields.text('path'),
    forwards: fields.text('forwards'),
    setHeaders: fields.has('setHeaders') ? fields.textMap('setHeaders') : undefined,
    removeHeaders: fields.has('removeHeaders') ? fields.texts('removeHeaders') : undefined,
    wouldHave: fields.object('wouldHave', readWouldHave),
  });
}

function readWouldHave(node: PositionedNode, report: Report): Expectation['wouldHave'] {
  const fields = Fields.of(node, ['outcome', 'policy'], report);
  const outcome = fields?.oneOf('outcome', outcomes);
  return fields === undefined || outcome === undefined
    ? undefined
    : { outcome, policy: fields.text('policy') };
}
