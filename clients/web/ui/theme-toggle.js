// Light or dark: the system's preference until somebody chooses. The choice is kept for all of this server's pages.

import { Icon } from "./bits.js";
import { html, signal } from "./html.js";

const KEY = "livegift.theme";
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const isDark = signal(root.dataset["theme"] ? root.dataset["theme"] === "dark" : system.matches);

system.addEventListener("change", () => {
  if (!root.dataset["theme"]) isDark.value = system.matches;
});

function toggle() {
  isDark.value = !isDark.value;
  const theme = isDark.value ? "dark" : "light";
  root.dataset["theme"] = theme;
  localStorage.setItem(KEY, theme);
}

export function ThemeToggle() {
  const label = isDark.value ? "Switch to the light theme" : "Switch to the dark theme";
  return html`<button type="button" class="icon-button" data-testid="theme" title=${label} aria-label=${label} onClick=${toggle}>
    <${Icon} name=${isDark.value ? "sun" : "moon"} />
  </button>`;
}
