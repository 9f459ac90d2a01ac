// Gift art: Noto Emoji (Apache-2.0) of @iconify-json/noto, one SVG a gift under a stable name, because the catalogue
// names it. It is drawn at build time and not committed; a deployment may put its own art into its catalogue.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

/** The gifts of a new book, by id. @type {Record<string, string>} */
const ART = {
  rose: "rose",
  heart: "red-heart",
  clap: "clapping-hands",
  coffee: "hot-beverage",
  party: "party-popper",
  diamond: "gem-stone",
  rocket: "rocket",
  castle: "castle",
  dragon: "dragon",
  unicorn: "unicorn",
  planet: "ringed-planet",
  universe: "milky-way",
};

/** @param {string} folder @returns {Promise<number>} how many were written */
export async function writeGiftArt(folder) {
  const path = createRequire(import.meta.url).resolve("@iconify-json/noto/icons.json");
  const set = JSON.parse(await readFile(path, "utf8"));
  await mkdir(folder, { recursive: true });
  for (const [gift, name] of Object.entries(ART)) {
    const icon = set.icons[name];
    if (!icon) throw new Error(`@iconify-json/noto has no ${name}`);
    const [width, height] = [icon.width ?? set.width ?? 16, icon.height ?? set.height ?? 16];
    const head = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`;
    await writeFile(join(folder, `${gift}.svg`), `${head}${icon.body}</svg>\n`);
  }
  return Object.keys(ART).length;
}
