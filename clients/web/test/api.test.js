// The SDK's HTTP calls, against answers of the test's own.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Api } from "../sdk/api.js";

test("rooms are read page by page", async (t) => {
  /** @type {Record<string, {rooms: {id: string}[], next: string | null}>} */
  const pages = { "": { rooms: [{ id: "r1" }, { id: "r2" }], next: "two+/=" }, "two+/=": { rooms: [{ id: "r3" }], next: null } };
  /** @type {string[]} */
  const asked = [];
  t.mock.method(globalThis, "fetch", async (/** @type {string} */ url) => {
    const cursor = new URL(url).searchParams.get("cursor") ?? "";
    asked.push(cursor);
    return new Response(JSON.stringify(pages[cursor]));
  });
  const rooms = await new Api("http://server").rooms();
  assert.deepEqual(rooms.map(({ id }) => id), ["r1", "r2", "r3"]);
  assert.deepEqual(asked, ["", "two+/="]);
});
