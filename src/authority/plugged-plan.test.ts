import { describe, expect, it } from 'vitest';
import { fakePorts, trustDomain } from '../../test/support/authority.ts';
import { FakePluggedFiles, pluggedFiles, testIntermediate, testRoot } from '../../test/support/plugged-ca.ts';
import { days } from '../base/duration.ts';
import { defaultLeafPolicy, initialiseAuthority, openAuthority } from './open-authority.ts';
import type { AuthorityPorts } from './ports.ts';
import { noObserver } from './ports-rotation.ts';

describe('the plan of a plugged-in root', () => {
  it('names readers who lack the published roots, and those who were silent for so long that they do not count', async () => {
    const [a, b] = [await testRoot(), await testRoot()];
    const underA = await testIntermediate(a);
    const ports = fakePorts();
    const now = ports.clock.now();
    const reader = (name: string, reportedAt: number) => ({
      kind: 'federation' as const,
      name,
      sequence: 1n,
      since: now - days(2),
      reportedAt,
    });
    const readers = [reader('partner.example', now), reader('gone.example', now - days(2))];
    const observed: AuthorityPorts = { ...ports, observer: { ...noObserver, readers: async () => readers } };
    const files = new FakePluggedFiles(pluggedFiles([underA], [a]));
    const settings = {
      trustDomain,
      leaves: defaultLeafPolicy,
      hierarchy: { kind: 'plugged' as const, files },
    };
    await initialiseAuthority(observed, settings);
    await using authority = await openAuthority(observed, settings);
    files.put(pluggedFiles([underA], [a, b]));
    await authority.checkNow();
    const [line] = (await authority.rotation.status()).lines;
    expect(line?.phases[1]?.gate).toMatchObject({
      isOpen: false,
      blockers: [{ name: 'partner.example', why: 'holds bundle 1, not yet 2' }],
      silent: [{ name: 'gone.example' }],
    });
  });
});
