// The HTTP API: what is not worth a socket. Errors are RFC 9457 problem documents and become LivegiftErrors with the
// same codes as on the WebSocket.

import { LivegiftError } from "./protocol.js";

/** @import {Snapshot, User} from "./protocol.js" */

/**
 * @typedef {{id: string, name: string, price_coins: number, tier: number, streakable: boolean, image: string}}
 *   CatalogueGift
 * @typedef {{version: number, gifts: CatalogueGift[]}} Catalogue
 * @typedef {{id: string, title: string, creator: User, state: "open" | "closed", viewers: number}} RoomInfo
 * @typedef {RoomInfo & {epoch: string | null, offset: number | null, snapshot: Snapshot | null}} RoomDetail
 * @typedef {{token: string, user: User}} Login
 * @typedef {{balance: number, rows: {id: string, kind: string, coins: number, ts_ms: number}[]}} Wallet
 */

/** As many as the server gives at once. */
const PAGE_ROOMS = 500;

export class Api {
  /** @param {string} base of the server, such as `https://gifts.example`, or a path on the page's own; empty for its root */
  constructor(base = "") {
    this.base = base.replace(/\/$/, "");
  }

  /** Where the WebSocket is. */
  get socketUrl() {
    const url = new URL(`${this.base}/v1/ws`, globalThis.location?.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    return url.href;
  }

  /** The demo's name picker. @param {string} name @param {"viewer" | "creator"} role @returns {Promise<Login>} */
  demoLogin(name, role = "viewer") {
    return this.#ask("POST", "/v1/demo/login", { body: { name, role } });
  }

  /** @returns {Promise<Catalogue>} */
  catalogue() {
    return this.#ask("GET", "/v1/catalogue");
  }

  /** The open rooms, oldest first, however many pages they are. @returns {Promise<RoomInfo[]>} */
  async rooms() {
    /** @type {RoomInfo[]} */
    const found = [];
    let path = `/v1/rooms?limit=${PAGE_ROOMS}`;
    for (;;) {
      const page = await this.#ask("GET", path);
      found.push(...page.rooms);
      if (!page.next) return found;
      path = `/v1/rooms?limit=${PAGE_ROOMS}&cursor=${encodeURIComponent(page.next)}`;
    }
  }

  /** @param {string} id @returns {Promise<RoomDetail>} */
  room(id) {
    return this.#ask("GET", `/v1/rooms/${encodeURIComponent(id)}`);
  }

  /** @param {string} title @param {string} token @returns {Promise<{id: string}>} */
  createRoom(title, token) {
    return this.#ask("POST", "/v1/rooms", { token, body: { title } });
  }

  /** @param {string} id @param {string} token @returns {Promise<{id: string, state: string}>} */
  closeRoom(id, token) {
    return this.#ask("POST", `/v1/rooms/${encodeURIComponent(id)}/close`, { token });
  }

  /** @param {string} token @returns {Promise<Wallet>} */
  wallet(token) {
    return this.#ask("GET", "/v1/wallet", { token });
  }

  /** @param {string} method @param {string} path @param {{token?: string, body?: object}} [options] @returns {Promise<any>} */
  async #ask(method, path, { token, body } = {}) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json" };
    if (token) headers["Authorization"] = `Bearer ${token}`;
    if (body) headers["Content-Type"] = "application/json";
    let response;
    try {
      response = await fetch(this.base + path, { method, headers, body: body ? JSON.stringify(body) : null });
    } catch {
      throw new LivegiftError({ code: "unreachable", message: "The server can't be reached.", temporary: true });
    }
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    const message = answer.detail ?? answer.title ?? `HTTP ${response.status}`;
    throw new LivegiftError({ code: answer.code ?? "unknown", message, temporary: response.status >= 500 });
  }
}
