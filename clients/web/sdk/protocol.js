// Wire protocol v1 as types: what the server sends, and which codes end a client. Nothing here runs but two sets.
// Coins are whole numbers, times are milliseconds since 1970. Unknown fields and event types must be ignored.

/**
 * @typedef {{id: string, name: string}} User
 * @typedef {{id: string | null, name: string | null, anonymous: boolean, coins_total: number | null}} Sender
 *   Anonymous: the rest is null. `coins_total` is their sum in this room.
 * @typedef {{id: string, name: string, price_coins: number, tier: number}} GiftInfo
 * @typedef {{id: string, total: number, coins_total: number}} ComboInfo
 * @typedef {{coins: number, gifts: number, senders: number}} Totals
 * @typedef {{coins: number, points: number, gifts: number}} Session
 * @typedef {{id: string, name: string, coins_total: number}} TopSender
 * @typedef {{id: string, sender: User, receiver: User, gift: GiftInfo, total: number, coins_total: number}} OpenCombo
 * @typedef {{totals: Totals, top: TopSender[], combos: OpenCombo[], viewers: number} & CreatorFields} Snapshot
 * @typedef {{epoch: string, offset: number, cursor?: string}} Since
 * @typedef {{points_total?: number, session?: Session}} CreatorFields only in the creator's feed
 */

/**
 * @typedef {{type: "gift", offset: number, event_id: string, ts_ms: number, sender: Sender, receiver: User,
 *   gift: GiftInfo, count: number, coins: number, points: number, combo: ComboInfo | null,
 *   message: string | null, test: boolean} & CreatorFields} GiftEvent `count` and `coins` are deltas: sum these
 * @typedef {{type: "combo_ended", offset: number, event_id: string, ts_ms: number, combo: ComboInfo, sender: User,
 *   receiver: User, gift: GiftInfo} & CreatorFields} ComboEnded exactly one for each combo
 * @typedef {{type: "room_closed", offset: number, event_id: string, totals: Totals} & CreatorFields} RoomClosed
 * @typedef {GiftEvent | ComboEnded | RoomClosed} RoomEvent
 */

/**
 * @typedef {{code: string, message: string, temporary: boolean, retry_after_ms?: number, balance?: number,
 *   needed?: number, price_coins?: number, now_ms?: number}} ErrorInfo
 * @typedef {{type: "connected", id: number, user: User, balance: number, server_time_ms: number,
 *   expires_ms: number, ping_ms: number}} Connected
 * @typedef {{type: "subscribed", id: number, room: string, feed?: string, epoch: string, offset: number,
 *   recovered: boolean, events: RoomEvent[], totals?: Totals, snapshot: Snapshot | null, cursor?: string}} Subscribed
 *   `totals` hold after the events; `cursor`s come in the creator's feed
 * @typedef {{type: "room", room: string, feed?: string, epoch: string, offset: number, events: RoomEvent[],
 *   totals: Totals, cursor?: string}} RoomFrame
 * @typedef {{type: "missed", room: string, events: RoomEvent[], cursor: string}} Missed gifts without `offset`
 * @typedef {{type: "snapshot", room: string, epoch: string, offset: number, snapshot: Snapshot}} SnapshotPush
 * @typedef {{type: "viewers", room: string, viewers: number}} ViewersPush people who watch, outside the sequence
 * @typedef {{type: "accepted", id: number | null, gift_event_id: string, event_id: string, balance: number,
 *   replayed?: boolean, settled?: boolean}} Accepted
 * @typedef {{gift_event_id: string, event_id: string}} SettledGift
 * @typedef {{type: "settled", gifts: SettledGift[]}} Settled
 * @typedef {{type: "error", id: number | null, gift_event_id?: string, error: ErrorInfo}} ErrorMessage
 * @typedef {{type: "wallet", balance: number, reason: string}} WalletPush
 * @typedef {{type: "reconnect", after_ms: number}} ReconnectPush
 * @typedef {{type: "refreshed", id: number, expires_ms: number}} Refreshed
 * @typedef {{type: "unsubscribed", id: number, room: string}} Unsubscribed
 * @typedef {{type: "pong", id: number, server_time_ms: number}} Pong
 * @typedef {Connected | Subscribed | RoomFrame | Missed | SnapshotPush | ViewersPush | Accepted | Settled |
 *   ErrorMessage | WalletPush | ReconnectPush | Refreshed | Unsubscribed | Pong} Message
 */

export const SUBPROTOCOL = "livegift.v1.json";

/** Close codes after which a client stays away; after every other it comes back with jitter. */
export const FINAL_CLOSE_CODES = new Set([1002, 1003, 1007, 1009, 4400, 4401, 4403, 4408, 4409]);

/** Refusals about the connection: a gift answered so is asked about again on the next one. */
export const CONNECTION_CODES = new Set(["not_connected", "bad_token", "token_expired"]);

/** A refusal as an exception: `code` is API, `message` is for people. */
export class LivegiftError extends Error {
  /** @param {Partial<ErrorInfo> & {code: string}} info */
  constructor(info) {
    super(info.message ?? info.code);
    this.name = "LivegiftError";
    this.code = info.code;
    this.temporary = info.temporary ?? false;
    this.info = info;
  }
}
