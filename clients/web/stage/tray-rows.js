// Which gifts stand in the tray, which wait, and what each row counts. Pure; tray.js draws it.
//
// A row counts what the server said of its combo, plus one's own gifts that are accepted but not yet announced, so a
// held button counts up at once and never goes back. A full tray sheds the cheapest waiting row first.

/** @import {Playing} from "./playing.js" */

export const WAITING_MAX = 12;
/** A row leaves this long after its last gift; sooner when others wait. */
export const LINGER_MS = 6_000;
export const LINGER_BUSY_MS = 2_400;

/**
 * @typedef {object} Row
 * @property {Playing} playing the first gift; sender, gift and art are the row's
 * @property {number} announced what the server said
 * @property {Map<string, number>} pending counts of own gifts accepted but not announced, by event id
 * @property {number} coins
 * @property {number} touchedMs
 * @property {boolean} hasEnded
 */

/** @param {Row} row */
export const countOf = (row) => row.announced + [...row.pending.values()].reduce((sum, count) => sum + count, 0);

export class TrayRows {
  /** @type {Map<string, Row>} */
  shown = new Map();
  /** @type {Map<string, Row>} */
  waiting = new Map();

  /** @param {number} rowsMax */
  constructor(rowsMax) {
    this.rowsMax = rowsMax;
  }

  /** Take a gift: its row grows, or a new one is made. @param {Playing} playing @param {number} nowMs */
  take(playing, nowMs) {
    const known = this.shown.get(playing.key) ?? this.waiting.get(playing.key);
    const row = known ?? this.#made(playing);
    if (playing.total === null) row.pending.set(playing.eventId, playing.count);
    else {
      row.pending.delete(playing.eventId);
      row.announced = Math.max(row.announced, playing.total);
    }
    row.coins = Math.max(row.coins, playing.gift.price_coins * countOf(row));
    row.touchedMs = nowMs;
    row.hasEnded = false;
    if (!known) this.#place(playing.key, row);
  }

  /** One's own live row of a gift: where the next one of a combo will count. @param {string} giftId @param {number} sinceMs */
  ownKey(giftId, sinceMs) {
    for (const [key, row] of [...this.shown, ...this.waiting].reverse()) {
      const { playing } = row;
      const isMine = playing.isOwn && playing.gift.id === giftId && playing.sender.name !== null;
      if (isMine && !row.hasEnded && row.touchedMs >= sinceMs) return key;
    }
    return null;
  }

  /** @param {string} key */
  end(key) {
    const row = this.shown.get(key) ?? this.waiting.get(key);
    if (row) row.hasEnded = true;
  }

  /** Rows that leave now. Those who waited move up. @param {number} nowMs */
  sweep(nowMs) {
    const left = [];
    for (const [key, row] of this.shown) {
      const isBusy = this.waiting.size > 0 || row.hasEnded;
      if (nowMs - row.touchedMs < (isBusy ? LINGER_BUSY_MS : LINGER_MS)) continue;
      this.shown.delete(key);
      left.push(key);
    }
    for (const [key, row] of [...this.waiting].sort(([, one], [, other]) => other.coins - one.coins)) {
      if (this.shown.size >= this.rowsMax) break;
      this.waiting.delete(key);
      this.shown.set(key, row);
      row.touchedMs = nowMs;
    }
    return left;
  }

  /** @param {Playing} playing @returns {Row} */
  #made(playing) {
    return { playing, announced: 0, pending: new Map(), coins: 0, touchedMs: 0, hasEnded: false };
  }

  /** @param {string} key @param {Row} row */
  #place(key, row) {
    if (this.shown.size < this.rowsMax) {
      this.shown.set(key, row);
      return;
    }
    this.waiting.set(key, row);
    if (row.playing.isOwn) this.#makeRoomFor(key, row);
    if (this.waiting.size <= WAITING_MAX) return;
    const cheapest = [...this.waiting].reduce((one, other) => (other[1].coins < one[1].coins ? other : one));
    this.waiting.delete(cheapest[0]);
  }

  /** Who sends must see it: the cheapest stranger goes back to wait. @param {string} key @param {Row} row */
  #makeRoomFor(key, row) {
    const strangers = [...this.shown].filter(([, other]) => !other.playing.isOwn);
    if (!strangers.length) return;
    const [oldKey, old] = strangers.reduce((one, other) => (other[1].coins < one[1].coins ? other : one));
    this.shown.delete(oldKey);
    this.waiting.delete(key);
    this.shown.set(key, row);
    this.waiting.set(oldKey, old);
  }
}
