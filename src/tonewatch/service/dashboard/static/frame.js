// The frame: theme, language, signing out, shortcuts, local times, and a lost connection.
import { ask, clock, remember, word } from "./shared.js";

const SILENT_AFTER_MS = 4000;
const TYPED = "input, textarea, [contenteditable]";

// Option+Shift and a letter write another character on macOS; elsewhere Alt+Shift writes nothing.
function writes(event, key) {
  return event.target.closest(TYPED) && event.key.toLowerCase() !== key;
}

customElements.define(
  "tw-time",
  class extends HTMLElement {
    static observedAttributes = ["at"];
    attributeChangedCallback() {
      this.connectedCallback();
    }
    connectedCallback() {
      const at = new Date(this.getAttribute("at"));
      // As the reader's own browser writes dates in the page's language; 24 hours, as shifts are.
      const { lang } = document.documentElement;
      const locale = navigator.languages.find((each) => each.split("-")[0] === lang) ?? lang;
      const timeStyle = this.hasAttribute("seconds") ? "medium" : "short";
      const style = { dateStyle: "medium", timeStyle, hourCycle: "h23" };
      this.textContent = new Intl.DateTimeFormat(locale, style).format(at);
      this.title = at.toISOString();
    }
  },
);

document.addEventListener("click", async (event) => {
  const target = event.target.closest("button");
  if (target?.dataset.themeTo) {
    remember("tonewatch_theme", target.dataset.themeTo);
    location.reload();
  } else if (target?.dataset.language) {
    remember("tonewatch_language", target.dataset.language);
    location.reload();
  } else if (target?.dataset.signOut) {
    await ask("DELETE", "/session").catch(() => null);
    location.assign("/ui/signin");
  } else if (target?.dataset.copy) {
    await navigator.clipboard?.writeText(target.dataset.copy).catch(() => null);
    target.closest(".once").querySelector("input").select();
  } else if (target?.dataset.retry) {
    window.socket?.connect();
    // Another page than this readable one is only worth it where the service is back.
    fetch("/healthz", { cache: "no-store" }).then(({ ok }) => ok && location.reload(), () => null);
  }
});

// Shortcuts, none of a letter alone (WCAG 2.2, 2.1.4): Ctrl+K searches, Alt+Shift and a number goes
// to a place of the rail, Alt+Shift and a letter takes a decision, with a reason just typed too.
document.addEventListener("keydown", (event) => {
  const key = event.code.replace(/^(Key|Digit)/, "").toLowerCase();
  if ((event.ctrlKey || event.metaKey) && key === "k") {
    event.preventDefault();
    document.querySelector("[data-search]")?.focus();
  } else if (event.altKey && event.shiftKey && key.length === 1 && !event.repeat && !writes(event, key)) {
    const target = document.querySelector(`[data-key='${CSS.escape(key)}']`);
    if (target) event.preventDefault();
    target?.click();
  }
});

// What a page loads is made anew while it is used. Who had the focus inside gets it back: on what
// has the same name there now, or else on what stands in its place.
const FOCUSABLE = "a[href], button:not([disabled]), input, select, textarea, summary, [tabindex='0']";
const nameOf = (element) => element.getAttribute("aria-label") ?? element.textContent.trim();
let focus = null;
document.addEventListener("focusin", ({ target }) => {
  const home = target.closest(".loaded");
  const around = [];
  for (let each = home && target; each !== home; ) {
    each = each.parentElement;
    around.push([each, [...each.querySelectorAll(FOCUSABLE)].indexOf(target)]);
  }
  focus = { target, name: nameOf(target), around };
});
document.addEventListener("focusout", ({ target, relatedTarget }) => {
  // Who leaves for nothing in particular has left; only what is taken away has not been left.
  setTimeout(() => {
    if (!relatedTarget && target.isConnected && focus?.target === target) focus = null;
  });
});
new MutationObserver(() => {
  if (!focus || focus.target.isConnected || document.activeElement !== document.body) return;
  const [place, index] = focus.around.find(([each]) => each.isConnected) ?? [];
  const there = place ? [...place.querySelectorAll(FOCUSABLE)] : [];
  const next = there.find((each) => nameOf(each) === focus.name) ?? there[Math.min(index, there.length - 1)];
  next?.focus({ preventScroll: true }); // a skeleton has nothing yet: what comes in its place has
}).observe(document.body, { childList: true, subtree: true });

// On a telephone the rail is scrolled sideways: where one is must be in sight.
const here = document.querySelector(".rail [aria-current]");
here?.scrollIntoView({ block: "nearest", inline: "center" });

// A connection that is lost: what is on the page stays, and says how old it is.
let heard = Date.now();
let isLost = false;
function show(lost) {
  if (lost !== isLost) {
    isLost = lost;
    document.body.classList.toggle("is-offline", lost);
    document.getElementById("offline")?.toggleAttribute("hidden", !lost);
    const text = document.querySelector(".connection-text");
    if (text) text.textContent = word(lost ? "script.disconnected" : "script.connected");
  }
  const since = document.getElementById("offline-since");
  if (lost && since) {
    since.textContent = word("script.last_update", { ago: clock((Date.now() - heard) / 1000) });
  }
}
setInterval(() => {
  if (window.socket === undefined) return;
  if (window.socket.connected) {
    heard = Date.now();
    show(false);
  } else if (Date.now() - heard > SILENT_AFTER_MS) {
    show(true);
  }
}, 1000);
window.addEventListener("offline", () => show(true));
