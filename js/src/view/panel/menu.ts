/** A button that opens a few choices. Arrows move, Escape closes. */

import { make } from "../dom.js";
import { iconButton } from "./buttons.js";
import type { IconName } from "./icons.js";

export interface Choice {
  label: string;
  act: () => void;
}

export class Menu {
  readonly element: HTMLElement;
  readonly button: HTMLButtonElement;
  private readonly list: HTMLElement;

  constructor(page: Document, name: IconName, label: string, choices: Choice[]) {
    this.button = iconButton(page, name, label, () => this.open(Boolean(this.list.hidden)));
    this.button.setAttribute("aria-haspopup", "menu");
    const items = choices.map((choice) => this.item(page, choice));
    const attributes = { role: "menu", "aria-label": label };
    this.list = make(page, "div", { class: "magistral-menu-list", attributes, children: items });
    this.element = make(page, "div", { class: "magistral-menu", children: [this.button, this.list] });
    this.element.addEventListener("keydown", (event) => this.press(event));
    this.element.addEventListener("focusout", ({ relatedTarget }) => {
      if (!this.element.contains(relatedTarget as Node | null)) this.close();
    });
    this.close();
  }

  private item(page: Document, { label, act }: Choice): HTMLElement {
    const attributes = { type: "button", role: "menuitem", tabindex: "-1" };
    const made = make(page, "button", { class: "magistral-button magistral-menu-item", text: label, attributes });
    made.addEventListener("click", () => {
      this.close();
      this.button.focus();
      act();
    });
    return made;
  }

  private open(isOpen: boolean): void {
    this.list.hidden = !isOpen;
    this.button.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) this.items[0]?.focus();
  }

  private close(): void {
    this.open(false);
  }

  private get items(): HTMLElement[] {
    return [...this.list.children] as HTMLElement[];
  }

  private press(event: KeyboardEvent): void {
    if (this.list.hidden) return;
    const at = this.items.indexOf(event.target as HTMLElement);
    const { length } = this.items;
    const wanted: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1 + length, Home: 0, End: length - 1 };
    const to = wanted[event.key];
    if (event.key === "Escape") {
      this.close();
      this.button.focus();
    } else if (to !== undefined) this.items[to % length]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
