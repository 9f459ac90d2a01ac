// One gift through the JavaScript SDK, wherever it runs: in Node over `ws`, in a browser over its own WebSocket.

/**
 * @param {{sdk: string, msgpack: string | null, ws: string | null, url: string, token: string, room: string,
 *   message: string}} words `sdk`, `msgpack` and `ws` are modules' addresses
 */
export async function giftOnce({ sdk, msgpack, ws, url, token, room, message }) {
  const { Client } = await import(sdk);
  const Base = ws ? (await import(ws)).WebSocket : globalThis.WebSocket;
  const protocols = [];
  class Watched extends Base {
    constructor(...args) {
      super(...args);
      this.addEventListener("open", () => protocols.push(this.protocol));
    }
  }
  const codec = msgpack ? (await import(msgpack)).msgpack : undefined;
  const client = new Client({ url, token, codec, WebSocket: Watched });
  const following = client.follow(room);
  const seen = new Promise((resolve) => {
    following.on("events", ({ events }) => {
      for (const event of events) if (event.message === message) resolve(event);
    });
  });
  // A gift that is sent before the room is there may be in its first snapshot, and then it is no event.
  const isLive = new Promise((resolve) => following.on("restored", resolve));
  client.open();
  await isLive;
  const gift = client.send({ room, gift: "rose", price_coins: 1, message });
  await gift.accepted;
  const event_id = await gift.settled;
  const event = await seen;
  client.close();
  return { protocols, event_id, event, balance: client.balance };
}
