/** A code block: what it is written in, a button to copy it, and one to make it a cell. It never runs by itself. */

import type { CodeNode } from "../core/tree.js";
import { copyButton } from "./copying.js";
import { button, make } from "./dom.js";
import { highlighted } from "./highlight.js";
import { INSERT_EVENT, type InsertDetail } from "./insert_event.js";
import { LABELS } from "./labels.js";

/** In characters: while it grows, longer code waits for its colours until it is closed. */
const LONGEST_WHILE_OPEN = 3_000;

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
  const isNow = isClosed || node.text.length <= LONGEST_WHILE_OPEN;
  if (isNow) code.replaceChildren(highlighted(node.text, node.language, box.ownerDocument));
  else if (!shown.isHighlighted && shown.node.text && node.text.startsWith(shown.node.text)) {
    code.append(node.text.slice(shown.node.text.length));
  } else code.textContent = node.text;
  shownIn.set(box, { node, isHighlighted: isNow });
  return true;
}

function askForCell(box: HTMLElement, code: string): void {
  const language = shownIn.get(box)?.node.language ?? "";
  const detail: InsertDetail = { code, language };
  box.dispatchEvent(new CustomEvent(INSERT_EVENT, { bubbles: true, detail }));
}
