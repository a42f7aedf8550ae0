import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

const here = fileURLToPath(new URL("..", import.meta.url));

/** What a page that imports this pays, in bytes. */
async function weight(source: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: `${here}/src`, loader: "ts" },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    external: ["react", "@tanstack/react-query", "zod"],
    write: false,
  });
  return gzipSync(outputFiles[0]!.contents, { level: 9 }).length;
}

describe("the package", () => {
  it.each([
    ["the client with every operation", `export { createLatchkey } from "./index.js"`, 10_000],
    ["the errors alone", `export { LatchkeyError, isTemporary } from "./index.js"`, 1_000],
    ["one operation", `export { listSessions } from "./operations.js"`, 4_500],
    ["every hook, without the client", `export * from "./react.js"`, 3_500],
    ["one hook", `export { useSessions } from "./react.js"`, 1_500],
  ])("is small: %s", async (_name, source, limit) => {
    const bytes = await weight(source);
    console.info(`${_name}: ${bytes} of ${limit} bytes`);
    expect(bytes).toBeLessThanOrEqual(limit);
  });

  it("needs nothing at run time but what the host page has", () => {
    const manifest = JSON.parse(readFileSync(`${here}/package.json`, "utf8")) as Record<string, unknown>;
    expect(manifest["dependencies"]).toBeUndefined();
    expect(manifest["scripts"]).not.toHaveProperty("postinstall");
  });

  it("names no registry in its lock file", () => {
    expect(readFileSync(`${here}/package-lock.json`, "utf8")).not.toContain('"resolved"');
  });

  it("has a method for every operation of the contract, and a code for every error", async () => {
    const contract = JSON.parse(readFileSync(`${here}/../../openapi.json`, "utf8"));
    const names = Object.values<Record<string, { operationId: string }>>(contract.paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    );
    const { createLatchkey } = await import("../src/index.js");
    const latchkey = createLatchkey({ mode: "bearer" }) as unknown as Record<string, unknown>;
    expect(names.filter((name) => typeof latchkey[name] !== "function")).toEqual([]);
    const types = readFileSync(`${here}/src/generated/types.gen.ts`, "utf8");
    expect(contract.components.schemas.ErrorCode.enum.filter((code: string) => !types.includes(`'${code}'`))).toEqual([]);
  });

  it("holds what it exports and nothing else", () => {
    const packed = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: here, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
    const stray = packed[0].files.map((file: { path: string }) => file.path).filter((path: string) => !/^(dist\/|package\.json$|README\.md$|LICENSE$)/.test(path));
    expect(stray).toEqual([]);
  });
});
