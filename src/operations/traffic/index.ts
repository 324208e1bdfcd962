/** How much was asked, by whom and for what: counted one by one, kept by the hour. */
export { trafficErrors } from './errors.ts';
export { takeShippedTraffic, writeTrafficRow } from './take-shipped.ts';
export { TrafficCounter } from './traffic-counter.ts';
export { TrafficFlow, type TrafficFlowOptions } from './traffic-flow.ts';
