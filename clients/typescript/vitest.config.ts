import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // It ends a test that hangs. These run beside those on a stack.
    testTimeout: 120_000,
    include: ["tests/**/*.test.{ts,tsx}"],
    // It is for a deployed service, which tests/integration/test_typescript_client.py gives it.
    exclude: [...configDefaults.exclude, ...(process.env["LATCHKEY_URL"] ? [] : ["tests/stack.test.ts"])],
  },
});
