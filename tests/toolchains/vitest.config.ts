import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['tests/toolchains/**/*.test.ts'], testTimeout: 600_000, reporters: ['verbose'] },
});
