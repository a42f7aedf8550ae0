/** `npm run generate` writes src/generated; `npm run drift` says whether it is what openapi.json says. */
import { createClient } from "@hey-api/openapi-ts";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { contract } from "./contract.mjs";

const COMMITTED = fileURLToPath(new URL("../src/generated", import.meta.url));

async function generate(path) {
  await createClient({
    input: await contract(),
    logs: { level: "silent" },
    output: { path, importFileExtension: ".js", entryFile: false },
    plugins: [
      "@hey-api/typescript",
      { name: "@hey-api/client-fetch", throwOnError: true },
      { name: "@hey-api/sdk", responseStyle: "data" },
      "zod",
    ],
  });
  // The generator links to its packages' pages on a registry, which have no place in what we ship.
  for (const [name, text] of filesOf(path)) {
    writeFileSync(join(path, name), text.replace(/\{@link https:\/\/www\.npmjs\.com\/\S+ ([^}]+)\}/g, "$1"));
  }
}

function filesOf(directory) {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(files.map(({ parentPath, name }) => [join(parentPath, name).slice(directory.length), readFileSync(join(parentPath, name), "utf8")]));
}

async function drift() {
  const path = mkdtempSync(join(tmpdir(), "latchkey-client-"));
  try {
    await generate(path);
    const [committed, fresh] = [filesOf(COMMITTED), filesOf(path)];
    return [...new Set([...committed.keys(), ...fresh.keys()])].filter((name) => committed.get(name) !== fresh.get(name));
  } finally {
    rmSync(path, { recursive: true });
  }
}

if (process.argv.includes("--check")) {
  const stale = await drift();
  if (stale.length > 0) {
    console.error(`clients/typescript/src/generated is not what openapi.json says (${stale.join(", ")}): run \`make client\`.`);
    process.exitCode = 1;
  }
} else {
  await generate(COMMITTED);
}
