// The review queue: forms are sent without loading the page anew, the lease is held while somebody
// works, and what was written survives a reload. Without this file the same forms work by themselves.
"use strict";

(() => {
const AT_ONCE = "reliai-label-submits";
let busy = false;
let active = Date.now();

const kept = {
  get(store, name) { try { return store.getItem(name); } catch { return null; } },
  set(store, name, value) { try { store.setItem(name, value); } catch { /* this page only */ } },
  drop(store, name) { try { store.removeItem(name); } catch { /* nothing was kept */ } },
};

const review = () => document.querySelector("[data-review]");
const mainForm = () => document.querySelector("form[data-submit]");
const draftName = (call) => `reliai-draft-${call}`;

function fields(form) {
  return [...form.querySelectorAll("[name=label], [name=correction], [name=comment]")];
}

function keepDraft() {
  const here = review();
  const form = mainForm();
  if (!here || !form) return;
  const said = {};
  for (const each of fields(form)) {
    if (each.type !== "radio") said[each.name] = each.value;
    else if (each.checked) said.label = each.value;
  }
  kept.set(sessionStorage, draftName(here.dataset.review), JSON.stringify(said));
}

function fillDraft() {
  const here = review();
  const form = mainForm();
  const text = here && kept.get(sessionStorage, draftName(here.dataset.review));
  if (!form || !text) return;
  const said = JSON.parse(text);
  for (const each of fields(form)) {
    if (each.type === "radio") each.checked = each.value === said.label;
    else if (typeof said[each.name] === "string") each.value = said[each.name];
  }
  const edit = form.querySelector("[data-edit]");
  if (edit && edit.value !== edit.defaultValue) edit.closest("details").open = true;
}

function show(html, url) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const fresh = page.querySelector("main");
  if (!fresh) { location.href = url; return; }
  document.querySelector("main").replaceChildren(...fresh.childNodes);
  document.title = page.title;
  if (url !== location.href) history.pushState(null, "", url);
  ready();
  window.scrollTo(0, 0);
}

async function ask(url, options) {
  if (busy) return false;
  busy = true;
  document.body.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(url, options);
    if (!(answer.headers.get("content-type") || "").startsWith("text/html")) throw new Error(answer.status);
    // A form that could not be taken is shown where it was filled in: a reload asks again.
    show(await answer.text(), answer.ok ? answer.url : location.href);
    return answer.ok;
  } catch {
    say("The server does not answer. What you wrote is still here; try again.");
    return false;
  } finally {
    busy = false;
    document.body.removeAttribute("aria-busy");
  }
}

function say(words) {
  const form = mainForm() || document.querySelector("[data-review-form]");
  if (!form) return;
  let alarm = form.querySelector("[role=alert]");
  if (!alarm) {
    alarm = document.createElement("p");
    alarm.className = "alarm";
    alarm.setAttribute("role", "alert");
    form.prepend(alarm);
  }
  alarm.textContent = words;
}

async function send(form, button) {
  const action = (button && button.getAttribute("formaction")) || form.getAttribute("action");
  const draft = review() && draftName(review().dataset.review);
  const body = new URLSearchParams(new FormData(form));
  const taken = await ask(action, { method: "POST", body, headers: { accept: "text/html" } });
  // Refused, signed out, or no answer: what was written is there when the call is shown again.
  if (taken && draft) kept.drop(sessionStorage, draft);
}

function submit() {
  const form = mainForm();
  if (!form || busy) return;
  if (form.querySelector("[type=radio]") && !form.querySelector("[name=label]:checked")) {
    say("Choose a label first.");
    return;
  }
  send(form, null);
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-review-form]")) return;
  event.preventDefault();
  const button = event.submitter;
  if (event.target.matches("[data-submit]") && !(button && button.hasAttribute("formaction"))) submit();
  else if (!busy) send(event.target, button);
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-review-link]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  ask(link.href, { headers: { accept: "text/html" } });
});

document.addEventListener("change", (event) => {
  keepDraft();
  if (event.target.matches("[data-at-once]")) kept.set(localStorage, AT_ONCE, event.target.checked ? "yes" : "no");
});
document.addEventListener("input", keepDraft);
window.addEventListener("popstate", () => location.reload());

// Before the shortcuts that all pages have: while a form is on its way keys do nothing, so that no
// key that was meant for this call falls on the next one, which nobody has seen yet.
document.addEventListener("keydown", (event) => {
  active = Date.now();
  if (!review() && !document.querySelector("[data-review-form]")) return;
  const writing = event.target.matches("textarea, input:not([type=radio], [type=checkbox]), select");
  if (busy && !writing) { event.preventDefault(); event.stopImmediatePropagation(); return; }
  if (event.altKey || document.querySelector("dialog[open]")) return;
  const whole = event.ctrlKey || event.metaKey;
  if (event.key === "Enter" && mainForm() && (whole || !writing) && !event.target.matches("a, button, summary")) {
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!event.repeat) submit();
    return;
  }
  if (writing || whole || kept.get(localStorage, "reliai-shortcuts") === "off") return;
  const form = mainForm();
  if (event.key === "e" && form && form.querySelector("[data-edit]")) {
    event.preventDefault();
    event.stopImmediatePropagation();
    const edit = form.querySelector("[data-edit]");
    edit.closest("details").open = true;
    edit.focus();
    edit.setSelectionRange(edit.value.length, edit.value.length);
  } else if (/^[1-9]$/.test(event.key) && form) {
    const radio = form.querySelector(`[type=radio][data-key="${event.key}"]`);
    const once = document.querySelector("[data-at-once]");
    if (!radio) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.repeat) return;
    radio.focus();
    radio.checked = true;
    keepDraft();
    if (once && once.checked) submit();
  } else if (event.key === "j" && form && form.querySelector('[data-key="s"]')) {
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!event.repeat) form.querySelector('[data-key="s"]').click();
  }
}, true);
document.addEventListener("pointermove", () => { active = Date.now(); }, { passive: true });

// --- the lease ------------------------------------------------------------------------------------

function left(line) {
  return Number(line.dataset.leaseUntil) - Date.now() / 1000;
}

function tick() {
  const line = document.querySelector("[data-lease-until]");
  if (!line) return;
  const seconds = Math.round(left(line));
  const words = seconds > 120 ? `${Math.round(seconds / 60)} min left` : `${Math.max(0, seconds)} s left`;
  line.querySelector("[data-left]").textContent = seconds > 0 ? `, ${words}` : ", which is over: another may take it";
  line.classList.toggle("late", seconds < 60);
  const lease = Number(line.dataset.lease);
  if (left(line) < lease / 2 && Date.now() - active < 1000 * lease && !document.hidden) renew(line);
}

let renewing = false;

async function renew(line) {
  const form = mainForm();
  if (renewing || !form || busy) return;
  renewing = true;
  try {
    const body = new URLSearchParams();
    for (const name of ["csrf", "queue", "number"]) body.set(name, form.elements[name].value);
    const answer = await fetch("/reviews/renew", { method: "POST", body });
    const said = answer.ok ? await answer.json() : {};
    if (said.until && line.isConnected) {
      line.dataset.leaseUntil = said.until;
      const time = line.querySelector("time");
      const at = new Date(1000 * said.until);
      time.dateTime = at.toISOString();
      time.textContent = at.toLocaleTimeString([], { hour12: false });
    } else if (said.until === null && line.isConnected) {
      say("Another has this call now. What you wrote is still here.");
      delete line.dataset.leaseUntil;
    }
  } catch { /* the next second tries again */ } finally { renewing = false; }
}

function ready() {
  const once = document.querySelector("[data-at-once]");
  if (once) {
    once.closest("label").hidden = false;
    once.checked = kept.get(localStorage, AT_ONCE) === "yes";
  }
  fillDraft();
  tick();
  const first = document.querySelector("main [role=alert]") ? null : document.querySelector("main [autofocus]");
  if (first) first.focus();
  else document.getElementById("main").focus({ preventScroll: true });
}

setInterval(tick, 1000);
ready();
})();
