// The SDK's types for whoever writes TypeScript: what `tsc` makes of the JSDoc of its files, put together as one file
// beside each bundle. Names are unique over the SDK's files, so putting together is leaving out the imports.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const HERE = dirname(fileURLToPath(import.meta.url));
const TSC = join(HERE, "node_modules", "typescript", "bin", "tsc");
const OPTIONS = [
  ..."--ignoreConfig --allowJs --checkJs --strict --skipLibCheck --declaration --emitDeclarationOnly".split(" "),
  ..."--target es2022 --module esnext --moduleResolution bundler --lib es2023,dom".split(" "),
];
/** Types that only the second bundle needs of the first. */
const CODEC_TYPES = ["Codec"];

/** What a file declares, without its imports and without the JSDoc that `tsc` has made types of. @param {string} text */
function declarations(text) {
  return text
    .replace(/^import .*;\n/gm, "")
    .replace(/^\/\*\*(?:(?!\*\/)[\s\S])*?@(?:typedef|import)\b(?:(?!\*\/)[\s\S])*\*\/\n/gm, "")
    .replace(/import\("\.\/\w+\.js"\)\./g, "")
    .replace(/^export (?=declare|type)/gm, "");
}

/** The names that `index.js` exports, values and types. @param {string} index */
function exportsOf(index) {
  const values = [...index.matchAll(/^export \{ ([^}]+) \} from/gm)].flatMap(([, names]) => names?.split(", ") ?? []);
  const types = [...index.matchAll(/^export type (\w+) =/gm)].flatMap(([, name]) => name ?? []);
  return { values, types };
}

/** Write `livegift.d.ts` and `livegift-msgpack.d.ts` into a folder. @param {string} out */
export async function writeTypes(out) {
  const folder = await mkdtemp(join(tmpdir(), "livegift-types-"));
  try {
    const sources = ["index.js", "msgpack.js"].map((name) => join(HERE, "sdk", name));
    await promisify(execFile)(process.execPath, [TSC, ...sources, ...OPTIONS, "--outDir", folder]);
    const files = (await readdir(folder)).filter((name) => !["index.d.ts", "msgpack.d.ts"].includes(name)).sort();
    const parts = await Promise.all(files.map((name) => readFile(join(folder, name), "utf8")));
    const { values, types } = exportsOf(await readFile(join(folder, "index.d.ts"), "utf8"));
    const head = "// livegift's JavaScript SDK: the types of /livegift.js.\n";
    const tail = `export { ${values.join(", ")} };\nexport type { ${[...CODEC_TYPES, ...types].join(", ")} };\n`;
    await writeFile(join(out, "livegift.d.ts"), [head, ...parts.map(declarations), tail].join("\n"));
    const msgpack = declarations(await readFile(join(folder, "msgpack.d.ts"), "utf8"));
    const imports = `import type { ${CODEC_TYPES.join(", ")} } from "./livegift.js";\n`;
    await writeFile(join(out, "livegift-msgpack.d.ts"), `${imports}\n${msgpack}\nexport { msgpack };\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
