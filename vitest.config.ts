import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/{web,browser,package}/**/*.test.ts'],
    testTimeout: 30_000,
    // The package under test is what was built: Node loads it, Vite does not touch it.
    server: { deps: { external: [/\/dist\//] } },
  },
});
