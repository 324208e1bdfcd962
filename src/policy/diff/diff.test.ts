import { describe, it } from 'vitest';
import { differencesHold } from '../../../test/support/policy-properties.ts';

describe('diffSnapshots', () => {
  it('claims only what evaluate decides, and misses no request that it decides differently', () =>
    differencesHold(6, 20));
});
