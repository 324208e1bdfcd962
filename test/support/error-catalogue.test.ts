import { describe, expect, it } from 'vitest';
import { readErrorCatalogue } from '../../scripts/support/error-catalogue.ts';

describe('the error catalogue of all rooms', () => {
  it('has each code once, and every error says what, and what to do next', async () => {
    const rows = await readErrorCatalogue();
    const byCode = Map.groupBy(rows, ({ code }) => code);
    const doubled = [...byCode].filter(([, found]) => found.length > 1).map(([code, found]) => [code, found]);
    expect(doubled).toEqual([]);
    expect(rows.length).toBeGreaterThan(50);
    for (const { code, message, next } of rows) {
      expect(code).toMatch(/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/);
      expect(message, code).toMatch(/^[^\n]{4,}[^.\n]$/);
      expect(next.length, code).toBeGreaterThan(8);
    }
  });
});
