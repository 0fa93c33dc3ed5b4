/** Buttons that are a drawing, or a drawing and a word. Each has a name for those who do not see it. */

import { make } from "../dom.js";
import { type IconName, icon } from "./icons.js";

export function iconButton(page: Document, name: IconName, label: string, act: () => void): HTMLButtonElement {
  const made = make(page, "button", {
    class: "magistral-button magistral-icon-button",
    attributes: { type: "button", "aria-label": label, title: label },
    children: [icon(page, name)],
  });
  made.addEventListener("click", act);
  return made;
}

/** Show another drawing and another name on the same button, so that the focus stays. */
export function renameButton(button: HTMLButtonElement, name: IconName, label: string): void {
  if (button.getAttribute("aria-label") === label) return;
  button.setAttribute("aria-label", label);
  button.title = label;
  button.replaceChildren(icon(button.ownerDocument, name));
}

export function wordButton(page: Document, label: string, act: () => void, name = ""): HTMLButtonElement {
  const made = make(page, "button", {
    class: `magistral-button magistral-word-button ${name}`.trim(),
    text: label,
    attributes: { type: "button" },
  });
  made.addEventListener("click", act);
  return made;
}
