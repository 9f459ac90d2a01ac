// Send a gift, and wait until it stands in the book:
//
//   node send_gift.mjs http://127.0.0.1:8000 r1
//
// Needs Node 22+ and a server that runs as a demo (`livegift demo`), because it makes itself a person with coins. Your
// own product gets tokens from its backend and passes a function that fetches them. A browser imports `/livegift.js`
// of the server instead; all else is the same.

import { Api, Client, LivegiftError } from "../sdk/index.js";

const [url = "", room = ""] = process.argv.slice(2);
const api = new Api(url);
const me = await api.demoLogin("Ada");
const { gifts } = await api.catalogue();
const cheapest = gifts.reduce((one, other) => (other.price_coins < one.price_coins ? other : one));

const client = new Client({ url: api.socketUrl, token: me.token });
client.open();
// What the sender saw is what is paid: another price is refused, never charged.
const gift = client.send({ room, gift: cheapest.id, price_coins: cheapest.price_coins, message: "hello" });
try {
  await gift.accepted;
  console.log(`charged for a ${cheapest.name}: ${client.balance} coins left`);
  await gift.settled;
  console.log("settled: everybody sees it");
} catch (error) {
  if (!(error instanceof LivegiftError)) throw error;
  console.log(`refused with ${error.code}: ${error.message}`);
}
client.close();
