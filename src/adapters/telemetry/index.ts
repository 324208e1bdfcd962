export { citadelSpecs } from './citadel-names.ts';
export { type ClosableLogger, jsonLogger, type LoggerOptions, type LogLevel } from './json-logger.ts';
export { type Attestor, attestors, type CsrReason, csrReasons } from './metric-labels.ts';
export { type MetricName, type MetricSpec, metricSpecs } from './metric-names.ts';
export {
  type CsrOutcome,
  type GaugeSetter,
  type GrpcOutcome,
  type MetricSource,
  Metrics,
} from './metrics.ts';
export { textLogger } from './text-logger.ts';
