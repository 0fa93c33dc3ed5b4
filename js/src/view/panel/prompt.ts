/** The prompt as the model would get it: control tokens apart from text. Made of texts only. */

import { plain } from "../../core/text.js";
import { make } from "../dom.js";
import { LABELS } from "../labels.js";
import { wordButton } from "./buttons.js";

const LONGEST_SHOWN = 400_000;

/** Return a section with the prompt of a kernel's answer `{parts, text}`. */
export function promptPicture(page: Document, data: unknown, close: () => void): HTMLElement {
  const { parts, text } = (data ?? {}) as { parts?: unknown; text?: unknown };
  const title = make(page, "h3", { class: "magistral-prompt-title", text: LABELS.panel.promptTitle });
  const count = make(page, "p", { class: "magistral-hint", text: typeof text === "string" ? plain(text) : "" });
  const attributes = { tabindex: "0", role: "group", "aria-label": LABELS.panel.promptTitle, dir: "ltr" };
  const picture = make(page, "pre", { class: "magistral-prompt", attributes });
  let left = LONGEST_SHOWN;
  for (const [kind, said] of pairs(parts)) {
    if (left <= 0) break;
    picture.append(piece(page, kind, said.slice(0, left)));
    left -= said.length;
  }
  const bar = make(page, "div", {
    class: "magistral-drawer-bar",
    children: [title, wordButton(page, LABELS.panel.close, close, "magistral-close")],
  });
  return make(page, "div", { class: "magistral-prompt-box", children: [bar, count, picture] });
}

function piece(page: Document, kind: string, text: string): Node {
  if (kind !== "control") return make(page, "span", { text: plain(text), attributes: { dir: "auto" } });
  return make(page, "b", {
    class: "magistral-control",
    text: plain(text),
    attributes: { title: LABELS.panel.promptControl },
  });
}

function pairs(parts: unknown): [string, string][] {
  if (!Array.isArray(parts)) return [];
  return parts.flatMap((part) =>
    Array.isArray(part) && typeof part[1] === "string" ? [[String(part[0]), part[1]] as [string, string]] : [],
  );
}
