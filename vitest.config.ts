import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/temporaryFolder.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores: files that start anvil and Redis must not crowd each other out.
    maxWorkers: 2,
  },
});
