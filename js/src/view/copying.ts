/** A button that copies a text, and says whether it worked. */

import { button, say } from "./dom.js";
import { LABELS } from "./labels.js";

const SHOWN_FOR = 1_600;

export function copyButton(page: Document, text: () => string, title: string): HTMLButtonElement {
  const made = button(page, "magistral-copy", LABELS.copy, () => void copyAndTell(made, text()), title);
  return made;
}

async function copyAndTell(button: HTMLButtonElement, text: string): Promise<void> {
  const worked = await copyText(text, button.ownerDocument);
  const label = button.getAttribute("aria-label") ?? "";
  say(button, worked ? LABELS.copied : LABELS.copy);
  button.setAttribute("aria-label", worked ? LABELS.copied : LABELS.notCopied);
  button.dataset.state = worked ? "done" : "failed";
  setTimeout(() => {
    say(button, LABELS.copy);
    button.setAttribute("aria-label", label);
    delete button.dataset.state;
  }, SHOWN_FOR);
}

export async function copyText(text: string, page: Document): Promise<boolean> {
  try {
    await page.defaultView?.navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text, page); // a page without https has no clipboard
  }
}

function copyBySelection(text: string, page: Document): boolean {
  const area = page.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  const focused = page.activeElement;
  page.body.append(area);
  area.select();
  const worked = page.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return worked;
}
