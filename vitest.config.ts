import { defineConfig } from 'vitest/config'

/**
 * What needs a database lies in test/engines and runs twice: on PGlite and on a real PostgreSQL that the run starts
 * itself. Everything else runs once.
 */
const shared = {
  // Pothos and we must see the same copy of graphql, or its `instanceof` fails ("another module or realm").
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
}
// Files share a worker's modules: to load them anew for each takes a sixth of the whole run.
// A busy machine takes several times as long as an idle one, and no test is about time: these only end what hangs.
const timing = {
  testTimeout: 120_000,
  hookTimeout: 120_000,
  expect: { poll: { timeout: 60_000, interval: 20 } },
  isolate: false,
}

export default defineConfig({
  ...shared,
  test: {
    // One more than cores: some tests wait for processes.
    maxWorkers: 3,
    projects: [
      {
        ...shared,
        test: {
          ...timing,
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/supergraph/{composition,landed}.test.ts'],
        },
      },
      {
        ...shared,
        test: {
          ...timing,
          name: 'pglite',
          include: ['test/engines/**/*.test.ts'],
          globalSetup: 'test/support/pglite-setup.ts',
        },
      },
      {
        ...shared,
        test: {
          ...timing,
          name: 'postgres',
          include: ['test/{engines,postgres}/**/*.test.ts', 'test/supergraph/{gateways,example}.test.ts'],
          globalSetup: 'test/support/postgres-setup.ts',
        },
      },
      {
        ...shared,
        test: {
          ...timing,
          name: 'service',
          include: ['test/service/**/*.test.ts'],
          globalSetup: 'test/support/build.ts',
        },
      },
    ],
  },
})
