// The golden frames of clients/vectors, which the server and the Python SDK pass too.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { json } from "../sdk/codec.js";
import { msgpack } from "../sdk/msgpack.js";

/** @param {string} name @returns {{name: string, subprotocol: string, frame: string, message: any}[]} */
function read(name) {
  const text = readFileSync(new URL(`../../vectors/${name}`, import.meta.url), "ascii");
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

/** What a WebSocket would give. @param {import("../sdk/codec.js").Codec} codec @param {Uint8Array} bytes */
function received(codec, bytes) {
  return codec === json ? new TextDecoder().decode(bytes) : Uint8Array.from(bytes).buffer;
}

for (const codec of [json, msgpack]) {
  /** @param {{subprotocol: string}} line */
  const isOurs = ({ subprotocol }) => subprotocol === codec.subprotocol;
  const messages = read("messages.jsonl").filter(isOurs);
  const commands = read("commands.jsonl").filter(isOurs);

  test(`${codec.subprotocol}: every golden message is read as it is meant`, () => {
    assert.ok(messages.length > 30);
    for (const { name, frame, message } of messages) {
      assert.deepEqual(codec.decode(received(codec, Buffer.from(frame, "base64"))), message, name);
    }
  });

  test(`${codec.subprotocol}: every golden command is written as the server's codec writes it`, () => {
    assert.ok(commands.length > 10);
    for (const { name, frame, message } of commands) {
      const encoded = codec.encode(message);
      assert.deepEqual(Buffer.from(/** @type {any} */ (encoded)), Buffer.from(frame, "base64"), name);
    }
  });
}
