// The viewer's page, joined: sends gifts and puts what happens on the stage.

import { at } from "./base.js";
import { LiveRoom } from "./live-room.js";
import { toast } from "./toasts.js";

/** @import {Api, CatalogueGift} from "../sdk/api.js" */
/** @import {GiftEvent, LivegiftError, RoomEvent} from "../sdk/protocol.js" */
/** @import {Stage} from "../stage/stage.js" */
/** @import {Choice} from "./gift-panel.js" */

/** What was missed while away is animated only if it is this fresh; the feed lists all of it. */
const FRESH_MS = 8_000;

export class Viewer {
  /** @type {Stage | null} */
  stage = null;

  /** @param {{api: Api, token: string, room: string, gifts: CatalogueGift[]}} options */
  constructor({ api, token, room, gifts }) {
    this.room = room;
    this.images = new Map(gifts.map(({ id, image }) => [id, image]));
    this.live = new LiveRoom({ api, token, room });
    this.live.following.on("events", ({ events, missed }) => {
      for (const event of events) this.#show(event, missed);
    });
    this.live.open();
  }

  /** @param {string} gift */
  imageOf = (gift) => this.images.get(gift) ?? at("/assets/icon.svg");

  /** @param {Choice} choice */
  send({ gift, count, message, anonymous }) {
    const balance = this.live.balance.value;
    const needed = gift.price_coins * count;
    if (balance !== null && balance < needed) {
      toast(`That takes ${needed.toLocaleString("en")} coins; you have ${balance.toLocaleString("en")}.`);
      return;
    }
    if (this.live.status.value !== "connected") toast("You are offline: it leaves as soon as you are back.", "info");
    const { room } = this;
    const sent = this.live.client.send({ room, gift: gift.id, price_coins: gift.price_coins, count, message, anonymous });
    const user = this.live.user.value;
    const sender = anonymous || !user ? { id: null, name: null } : user;
    sent.on("accepted", ({ event_id, replaces }) => {
      if (replaces !== null) {
        this.stage?.markShown(event_id);
        return;
      }
      const playing = { eventId: event_id, gift, image: gift.image, sender, count, coins: needed };
      this.stage?.takeOwn(playing, { isStreakable: gift.streakable && !anonymous });
    });
    sent.on("failed", (error) => toast(whyNot(error)));
  }

  close() {
    this.live.close();
  }

  /** @param {RoomEvent} event @param {boolean} missed */
  #show(event, missed) {
    if (event.type === "combo_ended") this.stage?.end(event.combo.id);
    if (event.type !== "gift") return;
    const ageMs = this.live.client.serverTimeMs() - event.ts_ms;
    if (missed && ageMs > FRESH_MS) this.stage?.markShown(event.event_id);
    else this.stage?.take(this.#playing(event));
  }

  /** @param {GiftEvent} event */
  #playing(event) {
    return {
      key: event.combo?.id ?? event.event_id,
      eventId: event.event_id,
      gift: event.gift,
      image: this.imageOf(event.gift.id),
      sender: event.sender,
      count: event.count,
      total: event.combo?.total ?? event.count,
      coins: event.coins,
      isOwn: event.sender.id !== null && event.sender.id === this.live.user.value?.id,
    };
  }
}

/** @param {LivegiftError} error */
function whyNot(error) {
  const { code, info } = error;
  if (code === "insufficient_coins") return `That takes ${info.needed} coins; you have ${info.balance}.`;
  if (code === "price_changed") return `The price has changed to ${info.price_coins} coins. Nothing was charged.`;
  if (code === "unknown_outcome") return "The server did not say what became of your gift. Your balance tells.";
  return `${error.message} Nothing was charged.`;
}
