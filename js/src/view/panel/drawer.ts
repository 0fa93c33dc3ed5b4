/** One drawer below the head: the settings, or the prompt. */

import { make } from "../dom.js";

export type DrawerName = "settings" | "prompt";

export class Drawer {
  readonly element: HTMLElement;
  private now: DrawerName | null = null;
  private opener: HTMLElement | null = null;

  constructor(
    page: Document,
    readonly id: string,
    private readonly changed: (now: DrawerName | null) => void,
  ) {
    this.element = make(page, "section", { class: "magistral-drawer", attributes: { id, tabindex: "-1" } });
    this.element.hidden = true;
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing) return;
      event.preventDefault();
      event.stopPropagation();
      this.close();
    });
  }

  isOpen(name: DrawerName): boolean {
    return this.now === name;
  }

  open(name: DrawerName, label: string, content: HTMLElement, opener: HTMLElement): void {
    this.now = name;
    this.opener = opener;
    this.element.setAttribute("aria-label", label);
    this.element.replaceChildren(content);
    this.element.hidden = false;
    this.element.focus({ preventScroll: true });
    this.changed(name);
  }

  /** Close it; the focus goes back to what opened it, if it was inside. */
  close(): void {
    const hadFocus = this.element.contains(this.element.ownerDocument.activeElement);
    this.now = null;
    this.element.hidden = true;
    this.element.replaceChildren();
    this.changed(null);
    if (hadFocus) this.opener?.focus();
  }
}
