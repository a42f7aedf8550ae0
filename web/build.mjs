/**
 * Build `web/dist`: the element as an ES module with English, its other languages, and the page around it.
 */
import { build } from "esbuild";
import { copyFile, mkdir, readFile, rm } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const LIMIT_BYTES = 35_000;

const here = (path) => new URL(path, import.meta.url).pathname;

/** Lit's templates keep the indentation of the source; nobody needs it. */
const tightTemplates = {
  name: "tight-templates",
  setup(bundler) {
    bundler.onLoad({ filter: /web\/src\/.*\.ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replace(/\n\s+/g, "\n"),
      loader: "ts",
    }));
  },
};

/** The client's generator has streams of events, which Latchkey has not: 0.7 kB. */
const withoutStreams = {
  name: "without-streams",
  setup(bundler) {
    bundler.onLoad({ filter: /serverSentEvents\.gen\.ts$/ }, () => ({ contents: "export const createSseClient = undefined;" }));
  },
};

const common = {
  bundle: true,
  format: "esm",
  target: ["es2022"],
  minify: true,
  sourcemap: true,
  legalComments: "none",
  tsconfig: here("tsconfig.json"),
  logLevel: "warning",
};

await rm(here("dist"), { recursive: true, force: true });
await mkdir(here("dist/assets"), { recursive: true });
/** What is a file of its own beside the bundle. */
const beside = (filter, path) => ({
  name: `beside ${path}`,
  setup: (bundler) => bundler.onResolve({ filter }, () => ({ path, external: true })),
});

await build({
  ...common,
  plugins: [tightTemplates, withoutStreams, beside(/\/messages\.de\.js$/, "./latchkey-settings.de.js")],
  entryPoints: [here("src/settings.ts")],
  outfile: here("dist/assets/latchkey-settings.js"),
});
await build({ ...common, entryPoints: [here("src/messages.de.ts")], outfile: here("dist/assets/latchkey-settings.de.js") });
await build({
  ...common,
  plugins: [beside(/\/settings\.js$/, "./latchkey-settings.js")],
  entryPoints: [here("src/page/page.ts")],
  outfile: here("dist/assets/page.js"),
});
await build({ ...common, entryPoints: [here("src/page/page.css")], outfile: here("dist/assets/page.css") });
await copyFile(here("src/page/icon.svg"), here("dist/assets/icon.svg"));
await copyFile(here("index.html"), here("dist/index.html"));

const size = async (name) => gzipSync(await readFile(here(`dist/assets/${name}`)), { level: 9 }).length;
const sizes = {};
for (const name of ["latchkey-settings.js", "latchkey-settings.de.js", "page.js", "page.css"]) sizes[name] = await size(name);
console.log(Object.entries(sizes).map(([name, bytes]) => `${name} ${(bytes / 1000).toFixed(1)} kB`).join(", ") + " (gzip)");
if (sizes["latchkey-settings.js"] > LIMIT_BYTES) {
  console.error(`latchkey-settings.js is ${sizes["latchkey-settings.js"]} bytes gzipped; the limit is ${LIMIT_BYTES}.`);
  process.exit(1);
}
