// In which order and how many at a time the tests run on two cores: what needs only the processor first and side by side,
// then what starts servers, then whole clusters, one file at a time and beside nothing else, because they measure time.

import { defineConfig } from 'vitest/config'

const real = ['adapters', 'commands', 'fencer', 'journal', 'rest', 'system'].map(
  room => `test/${room}/**/*.test.ts`,
)
const cluster = ['test/cluster/**/*.test.ts']
const bench = ['test/bench/**/*.test.ts']

export default defineConfig({
  test: {
    // oclif's test tools read stdout themselves.
    disableConsoleIntercept: true,
    projects: [
      {
        extends: true,
        test: {
          name: 'pure',
          include: ['test/**/*.test.ts'],
          exclude: [...real, ...cluster, ...bench],
          testTimeout: 180_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'real',
          include: real,
          globalSetup: 'test/commands/stage/built.ts',
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'cluster',
          include: cluster,
          // Half an hour on top of the rest: with HACTL_LONG=1, to keep CI below its limit.
          exclude:
            process.env.HACTL_LONG === '1'
              ? []
              : [
                  'etcd-cut',
                  'etcd-majority-lost',
                  'mixed-failsafe',
                  'mixed-operation',
                  'mixed-synchronous',
                ].map(name => `test/cluster/${name}.test.ts`),
          testTimeout: 300_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      // Benchmarks take the machine for themselves and minutes of time: only when asked for, with HACTL_BENCH=1.
      ...(process.env.HACTL_BENCH === '1'
        ? [
            {
              extends: true as const,
              test: {
                name: 'bench',
                include: bench,
                testTimeout: 900_000,
                hookTimeout: 300_000,
                fileParallelism: false,
                sequence: { groupOrder: 3 },
              },
            },
          ]
        : []),
    ],
  },
})
