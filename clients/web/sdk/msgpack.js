// MessagePack for the client, served as /livegift-msgpack.js:
//
//   import { msgpack } from "https://your.livegift.server/livegift-msgpack.js";
//   const client = new Client({ url, token, codec: msgpack });
//
// A quarter fewer bytes than JSON, which browsers parse faster; docs/protocol.md says when it is worth it.

import { Decoder, Encoder } from "@msgpack/msgpack";

/** @import {Message} from "./protocol.js" */
/** @import {Codec} from "./codec.js" */

// As in JSON: a field that is undefined is absent, not null.
const encoder = new Encoder({ ignoreUndefined: true });
const decoder = new Decoder();

/** @type {Codec} */
export const msgpack = {
  subprotocol: "livegift.v1.msgpack",
  encode: (command) => encoder.encode(command),
  decode(data) {
    // The decoder would take a string for a list of bytes.
    if (!(data instanceof ArrayBuffer)) throw new TypeError(`frame is a ${typeof data}, expected an ArrayBuffer`);
    return /** @type {Message} */ (decoder.decode(data));
  },
};
