// The licences of what the bundles contain: minified code can't carry them, so they stand beside it.

import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

const BUNDLED = ["preact", "htm", "@preact/signals", "@preact/signals-core", "@msgpack/msgpack", "@iconify-json/noto"];

/** @param {string} modules the folder node_modules */
export async function noticesOf(modules) {
  const parts = ["livegift's pages and SDK contain the following works of others.\n"];
  for (const name of BUNDLED) {
    const folder = join(modules, name);
    const about = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const licence = (await readdir(folder)).find((file) => /^licen[cs]e/i.test(file));
    const text = licence ? await readFile(join(folder, licence), "utf8") : "";
    parts.push(`${name} ${about.version}, ${about.license}\n\n${text}`.trimEnd());
  }
  return `${parts.join(`\n${"-".repeat(80)}\n`)}\n`;
}
