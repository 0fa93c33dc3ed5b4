/** A field for a question: as high as its text, Enter sends, Shift+Enter breaks the line. */

import { make } from "../dom.js";

export interface Keys {
  send: () => void;
  escape: () => void;
  /** ArrowUp in an empty field. */
  up?: () => void;
}

export function writingArea(page: Document, label: string, keys: Keys): HTMLTextAreaElement {
  const area = make(page, "textarea", {
    class: "magistral-writing",
    attributes: { rows: "1", dir: "auto", "aria-label": label, spellcheck: "true", enterkeyhint: "send" },
  });
  area.addEventListener("input", () => fitHeight(area));
  area.addEventListener("keydown", (event) => {
    const act = actionFor(event, area.value, keys);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  });
  return area;
}

/** Make the field as high as its text; the style says how high it may be. */
export function fitHeight(area: HTMLTextAreaElement): void {
  area.style.height = "auto";
  if (area.scrollHeight) area.style.height = `${area.scrollHeight + 2}px`;
}

function actionFor(event: KeyboardEvent, text: string, keys: Keys): (() => void) | undefined {
  // While a word is being composed (Japanese, Chinese, …) these keys choose among its forms. Safari ends that first: 229.
  if (event.isComposing || event.keyCode === 229) return undefined;
  if (event.key === "Enter" && !event.shiftKey && !event.altKey) return keys.send;
  if (event.key === "Escape") return keys.escape;
  const hasModifier = event.shiftKey || event.altKey || event.ctrlKey || event.metaKey;
  if (event.key === "ArrowUp" && !text && !hasModifier) return keys.up;
  return undefined;
}
