import { defineConfig } from 'vitest/config';

const MINUTES = 60_000;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/*/test/**/*.test.ts', 'actions/*/test/**/*.test.ts'],
          testTimeout: MINUTES,
          // vitest would leave one core of two idle.
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/system/*.test.ts'],
          testTimeout: 10 * MINUTES,
          hookTimeout: 10 * MINUTES,
          maxWorkers: 2,
          // Two trainings at once: with a thread for each core in both they would wait for each other.
          env: { OMP_NUM_THREADS: '1' },
        },
      },
      {
        test: {
          name: 'slurm',
          include: ['test/slurm/*.test.ts'],
          testTimeout: 5 * MINUTES,
          hookTimeout: 5 * MINUTES,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'workflows',
          include: ['test/workflows/*.test.ts'],
          // It imports JSON as only bundlers do.
          server: { deps: { inline: ['@actions/workflow-parser'] } },
          testTimeout: 15 * MINUTES,
          hookTimeout: 15 * MINUTES,
          fileParallelism: false,
        },
      },
    ],
  },
});
