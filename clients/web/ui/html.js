// Templates: htm on preact, with signals; one place names the libraries.

import htm from "htm";
import { h } from "preact";

export { batch, computed, effect, signal, useComputed, useSignal, useSignalEffect } from "@preact/signals";
export { render } from "preact";
export { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
export const html = htm.bind(h);
