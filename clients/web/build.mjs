// Builds the pages into livegift/web/: one bundle of script and style a page with hashed names, the HTML that names
// them, the gift art, and the SDK: one file, and one more for whoever wants MessagePack, with their types. `--watch` builds
// again on every change.
//
// Prints what a visitor downloads, gzipped and without art, and fails when a page is over its budget.

import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import * as esbuild from "esbuild";

import { writeGiftArt } from "./art.mjs";
import { noticesOf } from "./notices.mjs";
import { writeTypes } from "./types.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const OUT = join(HERE, "..", "..", "livegift", "web");
const ASSETS = join(OUT, "assets");
const KIB = 1_024;
/** Gzipped bytes of script, style and HTML. @type {Record<string, number>} */
const BUDGETS = {
  index: 35 * KIB,
  room: 35 * KIB,
  studio: 60 * KIB,
  plug: 35 * KIB,
  docs: 35 * KIB,
  "livegift.js": 12 * KIB,
  "livegift-msgpack.js": 8 * KIB,
};
/** Two releases back of each; `light-dark()` and `@starting-style` need no older ones. */
const TARGET = ["chrome123", "firefox128", "safari17.5"];

/** @type {esbuild.BuildOptions} */
const pages = {
  absWorkingDir: HERE,
  entryPoints: ["theme", "index", "room", "studio", "plug", "docs"].flatMap((name) =>
    name === "theme" ? [`pages/${name}.js`] : [`pages/${name}.js`, `styles/${name}.css`],
  ),
  bundle: true,
  minify: true,
  format: "esm",
  target: TARGET,
  outdir: ASSETS,
  entryNames: "[name]-[hash]",
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
};

/** @type {esbuild.BuildOptions} */
const sdk = {
  absWorkingDir: HERE,
  entryPoints: [
    { in: "sdk/index.js", out: "livegift" },
    { in: "sdk/msgpack.js", out: "livegift-msgpack" },
  ],
  bundle: true,
  minify: true,
  sourcemap: "linked",
  format: "esm",
  target: [...TARGET, "node22"],
  outdir: OUT,
  logLevel: "warning",
};

/** `room.js` -> `/assets/room-ABCDEFGH.js`. @param {esbuild.Metafile} metafile */
function hashedNames(metafile) {
  /** @type {Map<string, string>} */
  const names = new Map();
  for (const [path, output] of Object.entries(metafile.outputs)) {
    if (output.entryPoint) names.set(basename(output.entryPoint), `/assets/${basename(path)}`);
  }
  return names;
}

/** @param {string} path @param {string} text */
async function write(path, text) {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** Write the HTML and return the gzipped bytes of each page. @param {esbuild.Metafile} metafile */
async function writeHtml(metafile) {
  const names = hashedNames(metafile);
  /** @type {Map<string, number>} */
  const sizes = new Map();
  for (const file of (await readdir(join(HERE, "pages"))).filter((name) => name.endsWith(".html"))) {
    const used = new Set();
    const page = (await readFile(join(HERE, "pages", file), "utf8")).replace(/\{\{([\w.]+)\}\}/g, (_, name) => {
      const path = names.get(name);
      if (!path) throw new Error(`${file} names ${name}, which the build doesn't make`);
      used.add(path);
      return path;
    });
    await write(join(OUT, file), page);
    let bytes = gzipSync(page).length;
    for (const path of used) bytes += gzipSync(await readFile(join(OUT, path))).length;
    sizes.set(file.replace(".html", ""), bytes);
  }
  return sizes;
}

/** @param {Map<string, number>} sizes @returns {boolean} whether all are within their budgets */
function report(sizes) {
  let isWithin = true;
  for (const [name, bytes] of sizes) {
    const budget = BUDGETS[name] ?? 0;
    const isOver = bytes > budget;
    isWithin &&= !isOver;
    const line = `${name.padEnd(19)} ${(bytes / KIB).toFixed(1).padStart(6)} KiB gzipped, budget ${budget / KIB} KiB`;
    console.log(isOver ? `${line}  OVER` : line);
  }
  return isWithin;
}

/** What follows each bundling. @type {esbuild.Plugin} */
const finish = {
  name: "finish",
  setup(build) {
    build.onEnd(async ({ errors, metafile }) => {
      if (errors.length || !metafile) return;
      const sizes = await writeHtml(metafile);
      for (const file of ["livegift.js", "livegift-msgpack.js"]) {
        sizes.set(file, gzipSync(await readFile(join(OUT, file))).length);
      }
      if (!report(sizes)) process.exitCode = 1;
    });
  },
};

await rm(ASSETS, { recursive: true, force: true });
// hatch_build.py writes it after its own build: whatever is built by hand, the next install looks again.
await rm(join(OUT, ".stamp"), { force: true });
await esbuild.build(sdk);
await writeTypes(OUT);
const gifts = await writeGiftArt(join(ASSETS, "gifts"));
await write(join(ASSETS, "icon.svg"), await readFile(join(HERE, "pages", "icon.svg"), "utf8"));
await write(join(ASSETS, "NOTICES.txt"), await noticesOf(join(HERE, "node_modules")));
console.log(`${gifts} gifts drawn, pages go to ${relative(process.cwd(), OUT) || "."}`);

if (process.argv.includes("--watch")) {
  const context = await esbuild.context({ ...pages, plugins: [finish] });
  await context.watch();
  const sdkContext = await esbuild.context(sdk);
  await sdkContext.watch();
  console.log("Watching; Ctrl-C ends it.");
} else {
  await esbuild.build({ ...pages, plugins: [finish] });
}
