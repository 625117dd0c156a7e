"""What stands in the way of people who cannot see well, or use no mouse: asked of the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["problems"]


def problems(page: Page) -> list[str]:
    """What is wrong with the page that is shown: language, title, headings, names, contrast."""
    return list(page.evaluate(_SCRIPT))


_SCRIPT = r"""
() => {
  const found = [];
  const say = (what, element) => found.push(
    `${what}: ${(element.outerHTML || "").replace(/\s+/g, " ").slice(0, 140)}`);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const seen = (element) => element.getClientRects().length > 0;

  if (document.documentElement.lang !== "en") found.push("no lang");
  if (!/ · reliai$/.test(document.title)) found.push(`title ${document.title}`);
  if (all("h1").length !== 1) found.push(`${all("h1").length} h1`);
  if (all("main").length !== 1) found.push("not one main");
  if (document.body.firstElementChild.className !== "skip") found.push("no skip link");
  if (document.documentElement.scrollWidth > innerWidth) found.push(
    `wider than the window: ${document.documentElement.scrollWidth} > ${innerWidth}`);

  let level = 0;
  for (const heading of all("h1, h2, h3, h4, h5, h6")) {
    const now = Number(heading.tagName[1]);
    if (now > level + 1) say(`heading ${now} after ${level}`, heading);
    level = now;
    if (!heading.textContent.trim()) say("empty heading", heading);
  }

  const ids = all("[id]").map((each) => each.id);
  ids.filter((id, at) => ids.indexOf(id) !== at).forEach((id) => found.push(`id twice: ${id}`));
  for (const each of all("[aria-labelledby], [aria-describedby], [aria-controls], label[for]")) {
    const named = ["aria-labelledby", "aria-describedby", "aria-controls", "for"]
      .flatMap((name) => (each.getAttribute(name) || "").split(/\s+/).filter(Boolean));
    named.filter((id) => !document.getElementById(id)).forEach((id) => say(`no #${id}`, each));
  }

  const words = (element) => (element.getAttribute("aria-label") || "").trim() ||
    (element.getAttribute("aria-labelledby") || "").split(/\s+/).filter(Boolean)
      .map((id) => document.getElementById(id)?.textContent.trim() || "").join("");
  for (const field of all("input:not([type=hidden]), select, textarea, meter, progress")) {
    const label = [...(field.labels || [])].map((each) => each.textContent.trim()).join("");
    if (!label && !words(field)) say("field without a label", field);
  }
  for (const each of all("a[href], button, summary")) {
    if (!each.textContent.trim() && !words(each)) say("nothing to say", each);
  }
  for (const svg of all("svg")) {
    const hidden = svg.closest("[aria-hidden=true]");
    if (!hidden && !(svg.getAttribute("role") === "img" && words(svg))) say("silent drawing", svg);
  }
  for (const each of all("img")) if (!each.hasAttribute("alt")) say("no alt", each);
  for (const table of all("table")) {
    if (!table.querySelector("th")) say("table without headers", table);
    for (const th of table.querySelectorAll("th")) if (!th.scope) say("th without scope", th);
  }
  for (const nav of all("nav, [role=region], section, [role=search], [role=group]")) {
    if (!words(nav)) say("landmark without a name", nav);
  }
  for (const each of all("div, section, figure, ul, pre")) {
    const over = /auto|scroll/.test(getComputedStyle(each).overflowX) &&
      each.scrollWidth > each.clientWidth + 1 && seen(each);
    const reached = each.tabIndex >= 0 || each.querySelector("a[href], button, input, summary");
    if (over && !reached) say("scrolls, but not with the keyboard", each);
  }
  for (const each of all("[tabindex]")) if (each.tabIndex > 0) say("tab order forced", each);

  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (text) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => top.slice(0, 3).map((c, i) => c * top[3] + below[i] * (1 - top[3]));
  const ground = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) {
      layers.push(rgba(getComputedStyle(each).backgroundColor));
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const judged = new Set();
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || judged.has(element) || !seen(element)) continue;
    if (element.closest("script, style, title, option, :disabled, .skip")) continue;
    judged.add(element);
    const style = getComputedStyle(element);
    const colour = rgba(element.closest("svg") ? style.fill : style.color);
    const back = ground(element.closest("svg")?.parentElement || element);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const got = ratio(over(colour, back), back);
    if (got < (large ? 3 : 4.5)) say(`contrast ${got.toFixed(2)}`, element);
  }
  const written = "input:not([type=hidden], [type=radio], [type=checkbox]), select, textarea";
  for (const field of all(written)) {
    if (!seen(field)) continue;
    const edge = over(rgba(getComputedStyle(field).borderTopColor), ground(field));
    const got = ratio(edge, ground(field.parentElement));
    if (got < 3) say(`edge ${got.toFixed(2)}`, field);
  }
  return found;
}
"""
