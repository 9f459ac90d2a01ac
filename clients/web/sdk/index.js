// livegift's JavaScript SDK, for browsers and Node 22+:
//
//   import { Api, Client } from "https://your.livegift.server/livegift.js";
//   const client = new Client({ url: api.socketUrl, token: () => tokenFromYourBackend() });
//   client.follow("r1").on("events", ({ events }) => …);
//   await client.send({ room: "r1", gift: "rose", price_coins: 1 }).settled;

/**
 * @typedef {import("./client.js").ClientEvents} ClientEvents
 * @typedef {import("./connection.js").ConnectionOptions} ConnectionOptions
 * @typedef {import("./following.js").FollowingEvents} FollowingEvents
 * @typedef {import("./gift.js").GiftEvents} GiftEvents
 * @typedef {import("./gift.js").GiftOrder} GiftOrder
 * @typedef {import("./protocol.js").RoomEvent} RoomEvent
 * @typedef {import("./protocol.js").Snapshot} Snapshot
 */

export { Api } from "./api.js";
export { Backoff } from "./backoff.js";
export { Client } from "./client.js";
export { Connection } from "./connection.js";
export { Feed } from "./feed.js";
export { Following } from "./following.js";
export { Gift } from "./gift.js";
export { FINAL_CLOSE_CODES, LivegiftError, SUBPROTOCOL } from "./protocol.js";
export { RoomState } from "./room.js";
export { uuid7, uuid7Ms } from "./uuid7.js";
