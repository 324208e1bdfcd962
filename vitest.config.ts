import { defineConfig } from 'vitest/config';

const shared = { testTimeout: 30_000, hookTimeout: 60_000, pool: 'forks' as const };

export default defineConfig({
  test: {
    reporters: ['default'],
    // Most of what is slow waits for processes and clocks, not for a core.
    maxWorkers: 3,
    projects: [
      // Unit tests keep nothing between files, so they may share loaded modules: half the time.
      { test: { ...shared, name: 'unit', isolate: false, include: ['src/**/*.test.ts', 'test/fakes/**/*.test.ts', 'test/support/**/*.test.ts'] } },
      {
        test: {
          ...shared,
          name: 'system',
          testTimeout: 120_000,
          include: ['test/conformance/**/*.test.ts', 'test/integration/**/*.test.ts', 'test/e2e/**/*.test.ts', 'test/vectors/**/*.test.ts'],
        },
      },
    ],
  },
});
