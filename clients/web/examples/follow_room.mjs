// Watch a room: its snapshot, then every gift in order, also across reconnects. Ctrl-C ends it.
//
//   node follow_room.mjs http://127.0.0.1:8000 r1
//
// Needs Node 22+ and a server that runs as a demo (`livegift demo`), because it makes itself a person.

import { Api, Client } from "../sdk/index.js";

const [url = "", room = ""] = process.argv.slice(2);
const api = new Api(url);
const me = await api.demoLogin("Watcher");

const client = new Client({ url: api.socketUrl, token: me.token });
const following = client.follow(room);

// At first, and whenever single events could not be had: show these sums.
following.on("restored", () => console.log(`the room has ${following.state.totals.coins} coins`));

following.on("events", ({ events }) => {
  for (const event of events) {
    if (event.type === "gift") {
      const { sender, count, gift } = event;
      console.log(`${sender.name ?? "Somebody"} gives ${count} ${gift.name}: ${following.state.totals.coins} coins`);
    } else if (event.type === "combo_ended") {
      console.log(`${event.sender.name}'s combo ended at ${event.combo.total}`);
    } else console.log("the room is closed");
  }
});

following.on("refused", ({ code, message }) => {
  console.log(`refused with ${code}: ${message}`);
  client.close();
});
client.open();
