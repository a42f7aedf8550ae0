/** Every example of README.md is compiled as strictly as this package, and run. */
// @vitest-environment happy-dom
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import * as query from "@tanstack/react-query";
import { transformSync } from "esbuild";
import * as jsx from "react/jsx-runtime";
import ts from "typescript";
import { afterEach, describe, expect, it } from "vitest";
import * as main from "../src/index.js";
import * as hooks from "../src/react.js";
import { FakeService, refusal, success } from "./service.js";

const here = join(import.meta.dirname, "..");
const examples = [...readFileSync(join(here, "README.md"), "utf8").matchAll(/^```(tsx?)\n(.*?)^```$/gms)].map(([, kind, code]) => ({ kind: kind!, code: code! }));
const [start, native, operations, errors, react, settings] = examples.map(({ code }) => code) as [string, string, string, string, string, string];

/** What an example takes for granted: a page of one's own, and `latchkey` of the first example. */
const GIVEN = `
declare const latchkey: import("latchkey").Latchkey;
declare const email: string, password: string, cursor: string | undefined;
declare const body: { full_name: string };
declare const keychain: { read(name: string): Promise<string | null>; write(name: string, value: string | null): Promise<void> };
declare function showSignIn(reason: import("latchkey").SignedOutReason): void;
declare function askForPassword(error: import("latchkey").LatchkeyError | null): Promise<string | null>;
declare function showAt(details: readonly import("latchkey").ErrorDetail[]): void;
declare function readAgain(): void;
declare function show(message: string, requestId: string | null): void;
`;

/** Imports stay on top; the rest is what somebody would write in a function of theirs. */
function parts(code: string): { imports: string; rest: string } {
  const imports = code.match(/^import .*$/gm) ?? [];
  return { imports: imports.join("\n"), rest: code.replaceAll(/^import .*$/gm, "") };
}

const MODULES: Record<string, object> = { latchkey: main, "latchkey/react": hooks, "@tanstack/react-query": query, "react/jsx-runtime": jsx };

/** Run an example with what it takes for granted, and answer what it has defined. */
async function run(code: string, given: Record<string, unknown>, wanted: string[] = []): Promise<Record<string, any>> {
  const { imports, rest } = parts(code);
  const source = `${imports}\nexport default async () => {${rest}\nreturn { ${wanted.join(", ")} };\n};`;
  const { code: made } = transformSync(source, { loader: "tsx", format: "cjs", jsx: "automatic" });
  const module = { exports: {} as { default: () => Promise<Record<string, any>> } };
  const load = (name: string) => ({ ...MODULES[name], ...(given[name] as object) });
  new Function("module", "exports", "require", ...Object.keys(given), made)(module, module.exports, load, ...Object.values(given));
  return module.exports.default();
}

async function somebody(service = new FakeService()) {
  const given = { baseUrl: "https://accounts.example.com", fetch: service.fetch, environment: { now: service.now, platform: {} } };
  const latchkey = main.createLatchkey({ mode: "bearer", ...given });
  await latchkey.login({ email: "ada@example.com", password: service.password });
  await main.createLatchkey({ mode: "bearer", ...given }).login({ email: "ada@example.com", password: service.password });
  const ours = { createLatchkey: (options: main.LatchkeyOptions) => main.createLatchkey({ ...options, ...given }) };
  return { service, latchkey, ours };
}

afterEach(cleanup);

describe("the README's examples", () => {
  it("compile", () => {
    expect(examples).toHaveLength(6);
    const files = new Map(examples.map(({ code }, index) => {
      const { imports, rest } = parts(code);
      return [join(here, "tests", `example${index}.tsx`), `${imports}\nimport type {} from "latchkey";\n${GIVEN}\nexport async function example() {${rest}}\n`];
    }));
    const { config } = ts.readConfigFile(join(here, "tsconfig.json"), ts.sys.readFile);
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, here);
    Object.assign(options, { noUnusedLocals: false, noImplicitReturns: false, paths: { latchkey: ["./src/index.ts"], "latchkey/react": ["./src/react.ts"] } });
    const host = ts.createCompilerHost(options);
    const { getSourceFile, fileExists } = host;
    host.fileExists = (name) => files.has(name) || fileExists(name);
    host.getSourceFile = (name, ...rest) => {
      const text = files.get(name);
      return text === undefined ? getSourceFile(name, ...rest) : ts.createSourceFile(name, text, rest[0], true);
    };
    const program = ts.createProgram([...files.keys()], options, host);
    const found = [...files.keys()].flatMap((name) => [...ts.getPreEmitDiagnostics(program, program.getSourceFile(name))]);
    expect(found.map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`)).toEqual([]);
  }, 240_000);

  it("sign in, and another device out", async () => {
    const { service, ours } = await somebody();
    await run(start, { latchkey: ours, email: "ada@example.com", password: service.password });
    expect([...service.ended.values()]).toEqual(["SESSION_REVOKED"]);
  });

  it("keep a native app's token where it says", async () => {
    const { service, ours } = await somebody();
    const kept = new Map<string, string | null>();
    const keychain = { read: async (name: string) => kept.get(name) ?? null, write: async (name: string, value: string | null) => void kept.set(name, value) };
    const { latchkey } = await run(native, { latchkey: ours, keychain }, ["latchkey"]);
    await latchkey.login({ email: "ada@example.com", password: service.password });
    expect(kept.get("latchkey")).toMatch(/secret$/);
  });

  it("read, change and page", async () => {
    const { service, latchkey } = await somebody();
    service.before = ({ path }) => (path.includes("/activity") ? success({ activity: [], next_cursor: null }) : undefined);
    const { page } = await run(operations, { ...{ latchkey }, cursor: undefined }, ["page"]);
    expect(page.activity).toEqual([]);
    expect(service.ended.size).toBe(1);
  });

  it("tell errors apart", async () => {
    const { service, latchkey } = await somebody();
    const told: unknown[] = [];
    const given = { latchkey, body: {}, showAt: () => told.push("showAt"), readAgain: () => told.push("readAgain"), show: (...said: string[]) => told.push(said) };
    for (const [status, code] of [[400, "VALIDATION_ERROR"], [412, "PRECONDITION_FAILED"], [409, "USERNAME_TAKEN"]] as const) {
      service.before = ({ method }) => (method === "PATCH" ? refusal(status, code) : undefined);
      await run(errors, given);
    }
    expect(told).toEqual(["showAt", "readAgain", ["It is USERNAME_TAKEN.", "req-2"]]);
  });

  it("show devices in React, and sign them out", async () => {
    const { service, latchkey } = await somebody();
    const { App, queryClient } = await run(react, { latchkey }, ["App", "queryClient"]);
    render(<App />);
    fireEvent.click((await screen.findAllByText("Sign out"))[1]!);
    await act(async () => { await expect.poll(() => service.ended.size).toBe(1); });
    cleanup();
    const { UnknownPlaces } = await run(settings, {}, ["UnknownPlaces"]);
    await main.createLatchkey({ mode: "bearer", baseUrl: "https://accounts.example.com", fetch: service.fetch }).login({ email: "ada@example.com", password: service.password });
    render(<query.QueryClientProvider client={queryClient}><hooks.LatchkeyProvider latchkey={latchkey}><UnknownPlaces /></hooks.LatchkeyProvider></query.QueryClientProvider>);
    fireEvent.click(screen.getByText("Sign out devices of an unknown place"));
    await act(async () => { await expect.poll(() => service.ended.size).toBe(2); });
    expect(latchkey.signedIn).not.toBeNull();
  });
});
