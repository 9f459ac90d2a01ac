// Open a room and follow its creator's feed: every gift, none ever skipped, with the points it earned.
//
//   node creator_feed.mjs http://127.0.0.1:8000
//
// Needs Node 22+ and a server that runs as a demo (`livegift demo`), because it makes itself a creator.

import { Api, Client } from "../sdk/index.js";

const [url = ""] = process.argv.slice(2);
const api = new Api(url);
const me = await api.demoLogin("Luna", "creator");
const room = await api.createRoom("An example", me.token);

const client = new Client({ url: api.socketUrl, token: me.token });
const following = client.follow(room.id, { feed: "creator" });
following.on("restored", () => console.log(`room ${room.id} has ${following.state.pointsTotal} points`));
following.on("events", ({ events }) => {
  for (const event of events) {
    if (event.type === "gift") console.log(`${event.points_total} points in all, ${event.session?.points} of them here`);
  }
});
client.open();
