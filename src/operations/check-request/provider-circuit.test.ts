import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/fakes/clock.ts';
import type { AuthzRequest, CustomResult } from '../../policy/index.ts';
import type { ExtensionProvider } from '../../resources/index.ts';
import { ProviderCircuit } from './provider-circuit.ts';

const provider = { name: 'opa', protocol: 'grpc', service: 'opa', port: 9191 } as ExtensionProvider;
const request = {} as AuthzRequest;
const call = { signal: new AbortController().signal };

/** A provider that answers, or fails, as it is told, and counts who reached it. */
function circuitOver(options: { mostInFlight?: number } = {}) {
  const state: { asked: number; answer: () => Promise<CustomResult> } = {
    asked: 0,
    answer: () => Promise.reject(new Error('down')),
  };
  const clock = new FakeClock();
  const told: string[] = [];
  const circuit = new ProviderCircuit({
    authorizer: {
      ask() {
        state.asked++;
        return state.answer();
      },
    },
    clock,
    stopwatch: () => 0,
    onAsked: ({ outcome }) => void told.push(outcome),
    ...options,
  });
  const ask = () => circuit.ask(provider, request, call);
  const failTimes = async (times: number) => {
    for (let i = 0; i < times; i++) await expect(ask()).rejects.toThrow();
  };
  return { state, clock, told, ask, failTimes };
}

describe('a CUSTOM provider that fails', () => {
  it('is left alone after five failures in a row, and tried by one request when the rest is over', async () => {
    const { state, clock, told, ask, failTimes } = circuitOver();
    await failTimes(5);
    await failTimes(10);
    expect(state.asked).toBe(5);
    expect(told.filter((outcome) => outcome === 'refused')).toHaveLength(10);
    await clock.advance(500);
    const held = Promise.withResolvers<CustomResult>();
    state.answer = () => held.promise;
    const probe = ask();
    await expect(ask()).rejects.toMatchObject({ code: 'CUSTOM_PROVIDER_RESTING' });
    held.resolve({ outcome: 'allow' });
    expect(await probe).toEqual({ outcome: 'allow' });
    state.answer = () => Promise.resolve({ outcome: 'deny' });
    expect(await ask()).toEqual({ outcome: 'deny' });
  });

  it('rests longer each time it fails again', async () => {
    const { state, clock, failTimes } = circuitOver();
    await failTimes(5);
    await clock.advance(500);
    await failTimes(1);
    await clock.advance(500);
    await failTimes(1);
    expect(state.asked).toBe(6);
    await clock.advance(500);
    await failTimes(1);
    expect(state.asked).toBe(7);
  });

  it('counts an answer that is none as a failure, and a denial as an answer', async () => {
    const { state, told, ask } = circuitOver();
    state.answer = () => Promise.resolve({ outcome: 'unavailable' });
    for (let i = 0; i < 5; i++) expect(await ask()).toEqual({ outcome: 'unavailable' });
    await expect(ask()).rejects.toMatchObject({ code: 'CUSTOM_PROVIDER_RESTING' });
    expect(told.at(-1)).toBe('refused');
  });
});

describe('a CUSTOM provider that is slow', () => {
  it('has a bounded number of calls open, and what is beyond is not asked', async () => {
    const { state, ask } = circuitOver({ mostInFlight: 2 });
    const waiting: ((result: CustomResult) => void)[] = [];
    state.answer = () => new Promise((resolve) => waiting.push(resolve));
    const first = ask();
    const second = ask();
    await expect(ask()).rejects.toMatchObject({ code: 'CUSTOM_PROVIDER_RESTING' });
    for (const answer of waiting) answer({ outcome: 'allow' });
    await Promise.all([first, second]);
    const third = ask();
    waiting.at(-1)?.({ outcome: 'allow' });
    await third;
    expect(state.asked).toBe(3);
  });
});
