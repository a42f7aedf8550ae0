import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    testTimeout: 20_000,
    include: ["tests/**/*.test.{ts,tsx}"],
    // It is for a deployed service, which tests/integration/test_typescript_client.py gives it.
    exclude: [...configDefaults.exclude, ...(process.env["LATCHKEY_URL"] ? [] : ["tests/stack.test.ts"])],
  },
});
