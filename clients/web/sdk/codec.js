// How commands become frames and frames messages. JSON is built in; MessagePack is a file of its own (msgpack.js), so
// that nobody downloads it who doesn't ask for it.

import { SUBPROTOCOL } from "./protocol.js";

/** @import {Message} from "./protocol.js" */

/**
 * @typedef {object} Codec
 * @property {string} subprotocol
 * @property {(command: object) => string | Uint8Array<ArrayBuffer>} encode
 * @property {(data: unknown) => Message} decode of what a WebSocket gives: a string or an ArrayBuffer; throws
 */

/** @type {Codec} */
export const json = {
  subprotocol: SUBPROTOCOL,
  encode: (command) => JSON.stringify(command),
  decode: (data) => JSON.parse(String(data)),
};
