// The served types: TypeScript that uses the SDK rightly is content with them, and what is wrong is found.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

import { writeTypes } from "../types.mjs";

const TSC = join(dirname(fileURLToPath(import.meta.url)), "..", "node_modules", "typescript", "bin", "tsc");
const OPTIONS = [
  ..."--ignoreConfig --strict --noEmit --target es2022 --module esnext".split(" "),
  ..."--moduleResolution bundler --lib es2023,dom".split(" "),
];
const RIGHT = `
import { Api, Client, LivegiftError } from "./livegift.js";
import type { RoomEvent, Snapshot } from "./livegift.js";
import { msgpack } from "./livegift-msgpack.js";

const client = new Client({ url: "wss://a/v1/ws", token: async () => "t", codec: msgpack });
const following = client.follow("r1");
const seen: RoomEvent[] = [];
following.on("events", ({ events, missed }) => missed || seen.push(...events));
following.on("viewers", (viewers: number) => viewers.toFixed());
following.on("refused", (error: LivegiftError) => error.code);
const gift = client.send({ room: "r1", gift: "rose", price_coins: 1 });
const coins: number = seen.reduce((sum, event) => sum + (event.type === "gift" ? event.coins : 0), 0);
export const all: [typeof gift, number, Snapshot | null, Api | null] = [gift, coins, null, null];
`;

/** Check a file against the types; "" is no error. @param {string} source */
async function check(source) {
  const folder = await mkdtemp(join(tmpdir(), "livegift-types-test-"));
  try {
    await writeTypes(folder);
    await writeFile(join(folder, "use.ts"), source);
    return await new Promise((resolve) => {
      execFile(process.execPath, [TSC, ...OPTIONS, join(folder, "use.ts")], (_, stdout) => resolve(stdout));
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test("what is right is right", async () => assert.equal(await check(RIGHT), ""));

for (const [wrong, what] of [
  [`import { Client } from "./livegift.js"; new Client({ url: 1, token: "t" });`, "number"],
  [`import { Client } from "./livegift.js"; new Client({ url: "", token: "" }).follow("r").on("gone", () => 1);`, "gone"],
  [`import { Outbox } from "./livegift.js";`, "Outbox"],
]) {
  test(`what is wrong is found: ${what}`, async () => assert.match(String(await check(wrong ?? "")), new RegExp(what ?? "")));
}
