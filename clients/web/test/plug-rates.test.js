import assert from "node:assert/strict";
import { test } from "node:test";

import { RUNNING_MS, areaOf, pathOf, ratesOf, spanOf, topOf } from "../ui/plug-rates.js";

/** Samples each 100 ms: 20 gifts sent; shown, except in an outage of half a second. @returns {[number, number, number][]} */
const outage = () =>
  Array.from({ length: 21 }, (_, place) => [place * 100, place * 20, place >= 8 && place < 13 ? 160 : place * 20]);

test("an outage is a hole in what is shown, what was waiting a peak after it, and nothing is lost between", () => {
  const rates = ratesOf(outage());
  assert.equal(rates.length, 20);
  assert.ok(rates.every(({ sent }) => Math.round(sent) === 200));
  const shown = new Map(rates.map(({ at, shown }) => [at, Math.round(shown)]));
  assert.equal(shown.get(700), 200);
  assert.equal(shown.get(1_200), 0);
  assert.equal(shown.get(1_300), 333);
  assert.equal(shown.get(2_000), 200);
});

test("rates follow time and not the number of samples", () => {
  assert.deepEqual(ratesOf([[0, 0, 0], [1_000, 200, 100]]), [{ at: 1_000, sent: 200, shown: 100 }]);
  assert.deepEqual(ratesOf([[0, 0, 0]]), []);
});

test("a running chart shows the last seconds and an ended one all of them", () => {
  const rates = [{ at: RUNNING_MS + 500, sent: 1, shown: 1 }];
  assert.deepEqual(spanOf(rates, true), [500, RUNNING_MS + 500]);
  assert.deepEqual(spanOf(rates, false), [0, RUNNING_MS + 500]);
  assert.deepEqual(spanOf([], true), [0, RUNNING_MS]);
});

test("paths lie in their box, and an area ends where its line does", () => {
  const rates = [{ at: 0, sent: 0, shown: 0 }, { at: 500, sent: 200, shown: 0 }, { at: 1_000, sent: 400, shown: 0 }];
  const path = pathOf(rates, "sent", [0, 1_000], 400);
  assert.equal(path, "M0.0 100.0L500.0 50.0L1000.0 0.0");
  assert.equal(areaOf(path), "M0.0 100.0L500.0 50.0L1000.0 0.0L1000.0 100L0.0 100Z");
  assert.equal(areaOf(pathOf([], "sent", [0, 1], 1)), "");
});

test("the scale is a multiple of the load with room above", () => {
  assert.equal(topOf([], 200), 400);
  assert.equal(topOf([{ at: 0, sent: 200, shown: 590 }], 200), 800);
});
