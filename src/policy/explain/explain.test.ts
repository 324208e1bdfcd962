import { describe, it } from 'vitest';
import { explanationsHold } from '../../../test/support/policy-properties.ts';

describe('explain', () => {
  it('never disagrees with evaluate, and every suggestion does what it says', () => explanationsHold(100));
});
