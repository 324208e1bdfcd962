import type { PolicyTargetRef, WorkloadSelector } from '../kinds/selection.ts';
import type { PositionedNode } from '../read/node.ts';
import { Fields } from './fields.ts';
import { quoted, type Report } from './report.ts';

const targetFields = ['group', 'kind', 'name', 'namespace'];
const maxTargets = 16;
const maxLabels = 4096;

/** policy.md 5.1 rows 1 and 2. */
export function readSelector(node: PositionedNode, report: Report): WorkloadSelector | undefined {
  const fields = Fields.of(node, ['matchLabels'], report);
  if (fields === undefined) return undefined;
  const matchLabels = fields.textMap('matchLabels', (key, value, at) => {
    if (key === '') report.add('CAS0701', at, 'a label key is empty');
    else if (`${key}${value}`.includes('*'))
      report.add('CAS0701', at, `the label ${quoted(`${key}: ${value}`)} holds a \`*\``);
    else if (value.length > 63) report.add('CAS0746', at, 'a label value is longer than 63 characters');
  });
  if (matchLabels.size === 0) report.add('CAS0702', node, 'the selector names no label');
  if (matchLabels.size > maxLabels) report.add('CAS0746', node, `more than ${maxLabels} labels`);
  return Object.freeze({ matchLabels });
}

export interface Selection {
  readonly selector: WorkloadSelector | undefined;
  readonly targetRefs: readonly PolicyTargetRef[];
}

/** policy.md 5.1 rows 3 and 4. */
export function readSelection(fields: Fields): Selection {
  const { report } = fields;
  const written = ['selector', 'targetRef', 'targetRefs'].filter((name) => fields.has(name));
  const [, second] = written;
  if (second !== undefined)
    report.add(
      'CAS0703',
      fields.key(second),
      `${written.map((name) => `\`${name}\``).join(' and ')} are written`,
    );
  const one = fields.object('targetRef', readTargetRef);
  const many = fields.list('targetRefs', readTargetRef) ?? [];
  const list = fields.node.get('targetRefs');
  if (list?.kind === 'list' && list.items.length > maxTargets)
    report.add('CAS0746', list, `${list.items.length} target references, at most ${maxTargets} are allowed`);
  return {
    selector: fields.object('selector', readSelector),
    targetRefs: Object.freeze(one === undefined ? [...many] : [one, ...many]),
  };
}

const targetKinds: ReadonlySet<string> = new Set([
  '/Service',
  'core/Service',
  'gateway.networking.k8s.io/Gateway',
  'gateway.networking.k8s.io/GatewayClass',
  'networking.istio.io/ServiceEntry',
]);

function readTargetRef(node: PositionedNode, report: Report): PolicyTargetRef | undefined {
  const fields = Fields.of(node, targetFields, report);
  if (fields === undefined) return undefined;
  const group = fields.text('group') ?? '';
  const kind = fields.text('kind') ?? '';
  const name = fields.text('name') ?? '';
  const namespace = fields.text('namespace');
  if (name === '') report.add('CAS0704', node, 'a target reference has no name');
  if (namespace !== undefined && namespace !== '')
    report.add('CAS0704', fields.key('namespace'), 'a target reference names a namespace');
  if (!targetKinds.has(`${group}/${kind}`))
    report.add('CAS0704', node, `${quoted(`${group}/${kind}`)} cannot be the target of a policy`);
  return Object.freeze({
    group: group === 'core' ? '' : group,
    kind,
    name,
    namespace: namespace || undefined,
  });
}
