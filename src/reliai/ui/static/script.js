// What the keyboard can do besides Tab and Enter. Every page works without it.
//
//   data-go="c"      a link of the list at the top: g, then c
//   data-key="a"     a link or button to press, a field to go to, with a
//   data-rows        on a <table> or list: j and k go through its rows (first link of each)
//   data-live="10"   on an element with an id: made anew every so many seconds, while one looks
"use strict";

const KEEP = "reliai-shortcuts";

function typing(target) {
  return target.isContentEditable || /^(textarea|select)$/i.test(target.tagName) ||
    (target.tagName === "INPUT" && !/^(checkbox|radio|button|submit)$/.test(target.type));
}

function on() {
  try { return localStorage.getItem(KEEP) !== "off"; } catch { return true; }
}

function press(element) {
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName) && !/^(checkbox|radio)$/.test(element.type)) {
    element.focus();
  } else if (!element.disabled) {
    element.focus();
    element.click();
  }
}

function step(by) {
  const rows = [...document.querySelectorAll("[data-rows] a[data-row], [data-rows] tbody tr th a, [data-rows] > li > a")];
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement);
  const next = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

let went = 0;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.key === "Escape" && typing(event.target)) { event.target.blur(); return; }
  if (typing(event.target) || document.querySelector("dialog[open]")) return;
  if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
  if (event.key === "?") { event.preventDefault(); help(); return; }
  if (!on()) return;
  const key = CSS.escape(event.key);
  const going = Date.now() - went < 1500;
  went = 0;
  const found = document.querySelector(going ? `[data-go="${key}"]` : `[data-key="${key}"]`);
  if (found) { event.preventDefault(); press(found); }
  else if (going) return;
  else if (event.key === "g") went = Date.now();
  else if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
});

function label(element) {
  if (element.getAttribute("aria-label")) return element.getAttribute("aria-label");
  const copy = (element.labels && element.labels[0] ? element.labels[0] : element).cloneNode(true);
  copy.querySelectorAll("kbd, input, textarea, select").forEach((each) => each.remove());
  return copy.textContent.trim();
}

function help() {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-labelledby", "shortcuts-title");
  const title = document.createElement("h2");
  title.id = "shortcuts-title";
  title.textContent = "Keyboard shortcuts";
  const list = document.createElement("dl");
  list.className = "facts";
  const add = (keys, words) => {
    const term = document.createElement("dt");
    for (const each of keys) {
      const key = document.createElement("kbd");
      key.textContent = each;
      term.append(key, " ");
    }
    const said = document.createElement("dd");
    said.textContent = words;
    list.append(term, said);
  };
  document.querySelectorAll("[data-key]").forEach((each) => add([each.dataset.key], label(each)));
  if (document.querySelector("[data-rows]")) add(["j", "k"], "Next row, previous row");
  document.querySelectorAll("[data-go]").forEach((each) => add(["g", each.dataset.go], label(each)));
  add(["Esc"], "Leave a field");
  const choice = document.createElement("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = on();
  box.addEventListener("change", () => {
    try { localStorage.setItem(KEEP, box.checked ? "on" : "off"); } catch { /* this page only */ }
  });
  choice.append(box, " Shortcuts of one letter");
  const close = document.createElement("button");
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  const line = document.createElement("p");
  line.className = "row";
  line.append(close, choice);
  dialog.append(title, list, line);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

async function renew(element) {
  const chosen = getSelection();
  const reading = !chosen.isCollapsed && element.contains(chosen.anchorNode);
  if (document.hidden || reading || element.contains(document.activeElement)) return;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(element.id);
    if (!fresh) return;
    const open = [...element.querySelectorAll("details")].map((each) => each.open);
    element.replaceChildren(...fresh.childNodes);
    element.querySelectorAll("details").forEach((each, at) => { each.open = Boolean(open[at]); });
    if (fresh.dataset.live !== element.dataset.live) element.dataset.live = fresh.dataset.live;
  } catch { /* the server is away: what is shown says when it was made */ }
}

document.querySelectorAll("[data-shortcuts]").forEach((each) => {
  each.hidden = false;
  each.addEventListener("click", help);
});
document.querySelectorAll("[data-live]").forEach((each) => {
  const again = () => setTimeout(() => renew(each).finally(again), 1000 * Number(each.dataset.live));
  again();
});
document.querySelectorAll("[data-from-fragment]").forEach((each) => {
  const given = new URLSearchParams(location.hash.slice(1)).get(each.dataset.fromFragment);
  if (given) { each.value = given; history.replaceState(null, "", location.pathname + location.search); }
});
