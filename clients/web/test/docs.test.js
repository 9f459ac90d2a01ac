// What the documents' page makes of schemas: lines that people read, requests that curl sends.

import assert from "node:assert/strict";
import { test } from "node:test";

import { curlOf } from "../ui/docs-curl.js";
import { finder } from "../ui/docs-find.js";
import { fieldsOf, limitsOf, typeOf } from "../ui/docs-schema.js";

const COMPONENTS = {
  User: { title: "User", type: "object", properties: { id: { type: "string" }, name: { type: "string" } }, required: ["id", "name"] },
  Room: {
    title: "Room",
    type: "object",
    properties: {
      creator: { $ref: "#/components/schemas/User" },
      state: { enum: ["open", "closed"] },
      next: { anyOf: [{ type: "string", maxLength: 9, description: "of the page before" }, { type: "null" }], default: null },
      top: { type: "array", items: { $ref: "#/components/schemas/User" } },
      part: { $ref: "#/components/schemas/Room" },
    },
    required: ["creator", "state"],
  },
};
const ROOM = { $ref: "#/components/schemas/Room" };

test("fields of inner objects stand behind the outer one, and a circle ends", () => {
  const fields = fieldsOf(ROOM, COMPONENTS);
  const names = fields.map((field) => field.name);
  assert.deepEqual(names.slice(0, 8), ["creator", "creator.id", "creator.name", "state", "next", "top", "top[].id", "top[].name"]);
  assert.ok(names.length < 60);
  const byName = new Map(fields.map((field) => [field.name, field]));
  assert.equal(byName.get("state")?.type, '"open" | "closed"');
  assert.equal(byName.get("next")?.type, "string or null");
  assert.equal(byName.get("next")?.text, "of the page before");
  assert.equal(byName.get("top")?.type, "list of User");
  assert.deepEqual([byName.get("creator")?.isRequired, byName.get("top")?.isRequired], [true, false]);
});

test("limits are told in words, and nobody reads that a text holds no NUL", () => {
  assert.equal(limitsOf({ type: "integer", minimum: 1, maximum: 500, default: 100 }), "1 to 500, 100 if left out");
  assert.equal(limitsOf({ anyOf: [{ type: "string", maxLength: 64 }, { type: "null" }], default: null }), "at most 64 characters");
  assert.equal(limitsOf({ type: "string", minLength: 1, maxLength: 3, pattern: "^[^\\x00]*$" }), "1 to 3 characters");
  assert.equal(limitsOf({ type: "string", pattern: "^a$" }), "like `^a$`");
  assert.equal(limitsOf({ type: "integer", minimum: 0 }), "at least 0");
  assert.equal(typeOf({}, {}), "anything");
});

test("curl asks as the operation says, with quotes that a shell keeps", () => {
  const body = { title: "Luna's" };
  const header = { name: "Idempotency-Key", in: "header", required: true, schema: {} };
  assert.equal(
    curlOf("http://x", { method: "PUT", path: "/v1/rooms/{room_id}", parameters: [header], body, bearer: "KEY" }),
    [
      "curl \\",
      "  --request PUT \\",
      '  --header "Authorization: Bearer $KEY" \\',
      "  --header 'Idempotency-Key: order 1042' \\",
      `  --json '{"title":"Luna'"'"'s"}' \\`,
      "  'http://x/v1/rooms/r1'",
    ].join("\n"),
  );
  assert.equal(curlOf("http://x", { method: "GET", path: "/v1/rooms", parameters: [], body: null, bearer: "" }), "curl 'http://x/v1/rooms'");
  const close = curlOf("http://x", { method: "POST", path: "/c", parameters: [], body: null, bearer: "" });
  assert.match(close, /--request POST/);
});

test("a search wants every word, wherever it stands and however it is written", () => {
  const isMeant = finder("  Coins GRANT ");
  assert.ok(isMeant("grant or withdraw coins"));
  assert.ok(!isMeant("grant"));
  assert.ok(finder("")("anything"));
});
