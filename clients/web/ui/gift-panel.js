// The gift panel: choose a gift, how many, a message, and send. Radios give it arrow keys for nothing.

import { Coin, Coins } from "./bits.js";
import { number, short } from "./format.js";
import { holdable } from "./hold.js";
import { html, useEffect, useMemo, useRef, useSignal } from "./html.js";

/** @import {CatalogueGift} from "../sdk/api.js" */
/** @typedef {{gift: CatalogueGift, count: number, message: string | null, anonymous: boolean}} Choice */

const COUNTS = [1, 10, 99];
const MESSAGE_CHARS_MAX = 200;
const COMBO_WINDOW_MS = 5_000;

/** @param {{gift: CatalogueGift, isChosen: boolean, isAffordable: boolean, onChoose: () => void}} props */
function GiftTile({ gift, isChosen, isAffordable, onChoose }) {
  return html`<label
    class=${`gift-tile tier-${gift.tier}${isChosen ? " is-chosen" : ""}${isAffordable ? "" : " is-dear"}`}
    data-testid=${`gift-${gift.id}`}
  >
    <input type="radio" name="gift" class="sr-only" checked=${isChosen} onChange=${onChoose} />
    <img src=${gift.image} alt="" width="44" height="44" />
    <span class="gift-name">${gift.name}</span>
    <span class="gift-price"><${Coin} />${short(gift.price_coins)}<span class="sr-only"> coins</span></span>
  </label>`;
}

/** A bar that runs out with the combo's window. @param {{sentAt: number}} props */
function ComboBar({ sentAt }) {
  const bar = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (!sentAt) return undefined;
    const frames = [
      { transform: "scaleX(1)", opacity: 1 },
      { transform: "scaleX(0)", opacity: 1 },
    ];
    const running = bar.current?.animate(frames, { duration: COMBO_WINDOW_MS });
    return () => running?.cancel();
  }, [sentAt]);
  return html`<span class="combo-bar" ref=${bar} aria-hidden="true"></span>`;
}

/**
 * @param {{gifts: CatalogueGift[], balance: number | null, isClosed: boolean, onSend: (choice: Choice) => void}} props
 */
export function GiftPanel({ gifts, balance, isClosed, onSend }) {
  const chosenId = useSignal("");
  const count = useSignal(1);
  const message = useSignal("");
  const anonymous = useSignal(false);
  const sentAt = useSignal(0);
  const chosen = gifts.find(({ id }) => id === chosenId.value) ?? gifts[0];
  const latest = useRef({ chosen, onSend });
  latest.current = { chosen, onSend };

  const hold = useMemo(
    () =>
      holdable(
        () => {
          const { chosen: gift, onSend: send } = latest.current;
          if (!gift) return;
          send({ gift, count: count.value, message: message.value.trim() || null, anonymous: anonymous.value });
          message.value = "";
          sentAt.value = gift.streakable && !anonymous.value ? performance.now() : 0;
        },
        () => latest.current.chosen?.streakable ?? false,
      ),
    [],
  );
  if (!chosen) return html`<section class="card panel" aria-busy="true"></section>`;
  const cost = chosen.price_coins * count.value;

  return html`<section class="card panel" aria-label="Send a gift">
    <header class="panel-head">
      <h2>Send a gift</h2>
      ${chosen.streakable && html`<span class="hint">Hold <b>Send</b> for a combo</span>`}
      <span class="balance" title="Your coins">
        <span class="sr-only">Your coins: </span><${Coin} />
        <b data-testid="balance" data-value=${balance ?? ""}>${balance === null ? "…" : number(balance)}</b>
      </span>
    </header>
    <div class="gift-tiles" role="radiogroup" aria-label="Gift">
      ${gifts.map(
        (gift) =>
          html`<${GiftTile}
            key=${gift.id}
            gift=${gift}
            isChosen=${gift.id === chosen.id}
            isAffordable=${balance === null || balance >= gift.price_coins}
            onChoose=${() => {
              chosenId.value = gift.id;
              sentAt.value = 0;
            }}
          />`,
      )}
    </div>
    <div class="panel-foot">
      <div class="chips" role="radiogroup" aria-label="How many">
        ${COUNTS.map(
          (many) =>
            html`<label class=${`chip${many === count.value ? " is-chosen" : ""}`} data-testid=${`count-${many}`}>
              <input type="radio" name="count" class="sr-only" checked=${many === count.value} onChange=${() => (count.value = many)} />×${many}
            </label>`,
        )}
      </div>
      <label class="switch">
        <input
          type="checkbox"
          data-testid="anonymous"
          checked=${anonymous.value}
          onChange=${(/** @type {{currentTarget: HTMLInputElement}} */ { currentTarget }) => (anonymous.value = currentTarget.checked)}
        />
        <span>Anonymous</span>
      </label>
      <input
        class="message"
        data-testid="message"
        aria-label="Message with the gift"
        placeholder="Say something with it"
        maxlength=${MESSAGE_CHARS_MAX}
        value=${message.value}
        onInput=${(/** @type {{currentTarget: HTMLInputElement}} */ { currentTarget }) => (message.value = currentTarget.value)}
      />
      <button type="button" class="button is-primary send" data-testid="send" disabled=${isClosed} ...${hold}>
        <${ComboBar} sentAt=${sentAt.value} />
        <span>Send${count.value > 1 && ` ×${count.value}`}</span>
        <${Coins} coins=${cost} />
      </button>
    </div>
  </section>`;
}
