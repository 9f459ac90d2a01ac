// A room's state, folded from its events: equal to a fresh snapshot at the same offset. Pure.
//
// Two things can't be known from events alone and are taken from the frames' `totals`: how many distinct people gifted
// anonymously, and (with a full ranking) who stands behind its last line.

/** @import {GiftEvent, OpenCombo, RoomEvent, Session, Snapshot, TopSender, Totals} from "./protocol.js" */

/** Lines of the ranking, as in the server's snapshots. */
export const TOP_MAX = 100;

export class RoomState {
  /** @type {Totals} */
  totals = { coins: 0, gifts: 0, senders: 0 };
  viewers = 0;
  /** All points of the creator; only their own feed knows, as of `session`. @type {number | null} */
  pointsTotal = null;
  /** The creator's sums of this room since it opened. @type {Session | null} */
  session = null;
  isClosed = false;
  /** @type {Map<string, TopSender>} */
  #sums = new Map();
  /** @type {Map<string, OpenCombo>} */
  #combos = new Map();

  /** Open combos, in the order in which they opened. */
  get combos() {
    return [...this.#combos.values()];
  }

  /** The ranking, best first, ties by who came first. */
  top(linesMax = TOP_MAX) {
    // sort() is stable and the map keeps the order of arrival, which settles ties.
    return [...this.#sums.values()].sort((one, other) => other.coins_total - one.coins_total).slice(0, linesMax);
  }

  /** The state in the form in which the server sends it. @returns {Snapshot} */
  snapshot() {
    return { totals: this.totals, top: this.top(), combos: this.combos, viewers: this.viewers };
  }

  /** Forget everything and start from a snapshot; a combo that isn't in it has ended. @param {Snapshot} snapshot */
  restore(snapshot) {
    this.totals = { ...snapshot.totals };
    this.viewers = snapshot.viewers;
    this.pointsTotal = snapshot.points_total ?? null;
    this.session = snapshot.session ?? null;
    this.#sums = new Map(snapshot.top.map((line) => [line.id, line]));
    this.#combos = new Map(snapshot.combos.map((combo) => [combo.id, combo]));
  }

  /** Take the sums that the server states. @param {Totals} totals */
  trust(totals) {
    this.totals = { ...totals };
  }

  /** Apply the next event; the caller sees to the order and that none comes twice. @param {RoomEvent} event */
  fold(event) {
    if (event.points_total !== undefined) this.pointsTotal = event.points_total;
    if (event.session) this.session = event.session;
    if (event.type === "gift") this.#foldGift(event);
    else if (event.type === "combo_ended") this.#combos.delete(event.combo.id);
    else if (event.type === "room_closed") this.isClosed = true;
  }

  /** @param {GiftEvent} event */
  #foldGift(event) {
    if (event.test) return; // an overlay's test gift is in no book and in no sum
    const { id, name, coins_total } = event.sender;
    const isNew = coins_total === event.coins;
    this.totals = {
      coins: this.totals.coins + event.coins,
      gifts: this.totals.gifts + event.count,
      senders: this.totals.senders + (isNew ? 1 : 0),
    };
    if (id === null || name === null || coins_total === null) return;
    this.#sums.set(id, { id, name, coins_total });
    if (event.combo === null) return;
    this.#combos.set(event.combo.id, {
      ...event.combo,
      sender: { id, name },
      receiver: event.receiver,
      gift: event.gift,
    });
  }
}
