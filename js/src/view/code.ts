/** A code block: what it is written in, a button to copy it, and one to make it a cell. It never runs by itself. */

import type { CodeNode } from "../core/tree.js";
import { copyButton } from "./copying.js";
import { button, make } from "./dom.js";
import { highlighted, LONGEST_HIGHLIGHTED } from "./highlight.js";
import { INSERT_EVENT, type InsertDetail } from "./insert_event.js";
import { LABELS } from "./labels.js";

/** In characters: while it grows, longer code waits for its colours until it is closed. */
const LONGEST_WHILE_OPEN = 3_000;

const PIECES_TOGETHER = 40;

interface Shown {
  node: CodeNode;
  isHighlighted: boolean;
}

const shownIn = new WeakMap<HTMLElement, Shown>();

export function makeCode(node: CodeNode, page: Document): HTMLElement {
  const box = make(page, "div", { class: "magistral-code", attributes: { dir: "ltr" } });
  const textNow = () => shownIn.get(box)?.node.text.replace(/\n$/, "") ?? "";
  const bar = make(page, "div", {
    class: "magistral-code-bar",
    children: [
      make(page, "span", { class: "magistral-language", text: node.language }),
      button(page, "magistral-insert", LABELS.insert, () => askForCell(box, textNow()), LABELS.insertCode),
      copyButton(page, textNow, LABELS.copyCode),
    ],
  });
  const code = make(page, "code", { attributes: { dir: "ltr" } });
  if (node.language) code.className = `language-${node.language}`;
  const label = node.language ? LABELS.codeIn(node.language) : LABELS.code;
  const pre = make(page, "pre", {
    attributes: { tabindex: "0", role: "group", "aria-label": label },
    children: [code],
  });
  box.append(bar, pre);
  shownIn.set(box, { node: { ...node, text: "" }, isHighlighted: false });
  updateCode(box, node, true);
  return box;
}

/** Show grown code: while it is open, what is there stays and the rest is added. */
export function updateCode(box: HTMLElement, node: CodeNode, isClosed: boolean): boolean {
  const shown = shownIn.get(box);
  const code = box.querySelector("code");
  if (!shown || !code || shown.node.language !== node.language) return false;
  if (shown.node.text === node.text && (shown.isHighlighted || !isClosed)) return true;
  const canColour = node.text.length <= (isClosed ? LONGEST_HIGHLIGHTED : LONGEST_WHILE_OPEN);
  if (canColour) code.replaceChildren(highlighted(node.text, node.language, box.ownerDocument));
  else addPlain(code, node.text, shown.isHighlighted ? "" : shown.node.text);
  shownIn.set(box, { node, isHighlighted: canColour });
  return true;
}

/** Add what is new, in boxes of some lines each, so that the page lays out only the last of them again. */
function addPlain(code: HTMLElement, text: string, before: string): void {
  const isMore = before !== "" && text.startsWith(before);
  if (!isMore) code.replaceChildren();
  for (const piece of (isMore ? text.slice(before.length) : text).split(/(?<=\n)/)) {
    const last = code.lastElementChild;
    const isFull = !last || (last.childNodes.length >= PIECES_TOGETHER && last.lastChild?.nodeValue?.endsWith("\n"));
    (isFull ? code.appendChild(linesBox(code.ownerDocument)) : last).append(piece);
  }
}

function linesBox(page: Document): HTMLElement {
  return make(page, "span", { class: "magistral-lines" });
}

function askForCell(box: HTMLElement, code: string): void {
  const language = shownIn.get(box)?.node.language ?? "";
  const detail: InsertDetail = { code, language };
  box.dispatchEvent(new CustomEvent(INSERT_EVENT, { bubbles: true, detail }));
}
