/** What a reader must know besides the text: badges above it, notices and the error below it. */

import { badges, missingAnswer, warnings, wishes } from "../core/facts.js";
import type { Failed, ReplyData } from "../core/protocol.js";
import { plain } from "../core/text.js";
import { make } from "./dom.js";
import { LABELS } from "./labels.js";

export function drawBadges(box: HTMLElement, reply: ReplyData): void {
  draw(box, badges(reply), (text, page) => words(page, "span", "magistral-badge", text));
}

export function drawNotices(box: HTMLElement, reply: ReplyData, isOver: boolean, failed: boolean): void {
  const missing = isOver && !failed ? missingAnswer(reply) : "";
  const told = [...(missing ? [missing] : []), ...warnings(reply)];
  draw(box, told, (text, page) => words(page, "div", "magistral-notice", text));
}

export function drawWishes(box: HTMLElement, reply: ReplyData): void {
  draw(box, wishes(reply), (text, page) => {
    const code = make(page, "code", { text: plain(text), attributes: { dir: "ltr" } });
    return make(page, "div", { class: "magistral-wish", children: [page.createTextNode(`${LABELS.askedFor} `), code] });
  });
}

export function drawError(box: HTMLElement, failed: Failed | null): void {
  draw(box, failed ? [failed] : [], ({ message, hint, request_id }, page) =>
    make(page, "div", {
      class: "magistral-error",
      children: [
        words(page, "strong", "magistral-error-title", message || LABELS.failed),
        hint ? words(page, "div", "magistral-error-hint", hint) : null,
        request_id ? words(page, "div", "magistral-error-request", LABELS.request(request_id)) : null,
      ],
    }),
  );
}

const drawn = new WeakMap<HTMLElement, string>();

/** Draw anew only where something changed. */
function draw<Item>(box: HTMLElement, items: Item[], make: (item: Item, page: Document) => Node): void {
  const key = JSON.stringify(items);
  if (drawn.get(box) === key) return;
  drawn.set(box, key);
  box.replaceChildren(...items.map((item) => make(item, box.ownerDocument)));
}

function words<Tag extends keyof HTMLElementTagNameMap>(
  page: Document,
  tag: Tag,
  name: string,
  text: string,
): HTMLElement {
  return make(page, tag, { class: name, text: plain(text), attributes: { dir: "auto" } });
}
