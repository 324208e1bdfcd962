import { AggregatorRegistry, Histogram, type MetricObject, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { TimeHistogram } from './time-histogram.ts';

const options = { name: 'wait_seconds', help: 'How long.', buckets: [0.1, 1, 10] };
const observations = [
  [{ door: 'a', result: 'ok' }, 0.05],
  [{ door: 'a', result: 'ok' }, 0.1],
  [{ door: 'a', result: 'refused' }, 3],
  [{ door: 'b', result: 'ok' }, 99],
  [{ door: 'b' }, 0.5],
] as const;

function both(): readonly [ours: Registry, theirs: Registry] {
  const ours = new Registry();
  const theirs = new Registry();
  const histogram = new TimeHistogram({ ...options, labels: ['door', 'result'] });
  ours.registerMetric(histogram as unknown as Histogram);
  const other = new Histogram({ ...options, labelNames: ['door', 'result'], registers: [theirs] });
  for (const [labels, seconds] of observations) {
    histogram.observe(labels, seconds);
    other.observe({ ...labels }, seconds);
  }
  return [ours, theirs];
}

/** A label's place in its line says nothing. */
const lines = (text: string) =>
  text
    .split('\n')
    .map((line) => line.replace(/\{(.*)\}/, (_, labels: string) => `{${labels.split(',').sort().join(',')}}`))
    .sort();

describe('a histogram of times', () => {
  it('is scraped as the one of the library is', async () => {
    const [ours, theirs] = both();
    expect(lines(await ours.metrics())).toEqual(lines(await theirs.metrics()));
  });

  it('is added up with those of other processes', async () => {
    const [ours, theirs] = both();
    const sum = async (registry: Registry) => {
      const one = (await registry.getMetricsAsJSON()) as MetricObject[];
      return AggregatorRegistry.aggregate([one, one]).metrics();
    };
    expect(lines(await sum(ours))).toEqual(lines(await sum(theirs)));
  });

  it('knows no other labels than its own, and no times that are none', () => {
    const histogram = new TimeHistogram({ ...options, labels: ['door'] });
    expect(() => histogram.observe({ path: '/' }, 1)).toThrow('has no label path');
    expect(() => histogram.observe({ door: 'a' }, Number.NaN)).toThrow('not a time');
  });
});
