/** Where questions are written. One button sends, and stops while an answer comes. */

import { make } from "../dom.js";
import { LABELS } from "../labels.js";
import { iconButton, renameButton } from "./buttons.js";
import { fitHeight, writingArea } from "./writing.js";

export interface ComposerActs {
  send: (text: string) => void;
  stop: () => void;
  editLast: () => void;
  /** Called where sending is not possible now, with the reason. */
  refuse: (why: string) => void;
}

export class Composer {
  readonly element: HTMLFormElement;
  readonly area: HTMLTextAreaElement;
  private readonly button: HTMLButtonElement;
  private isBusy = false;
  private isOff = false;

  constructor(
    page: Document,
    private readonly acts: ComposerActs,
  ) {
    this.area = writingArea(page, LABELS.panel.compose, {
      send: () => this.send(),
      escape: () => this.isBusy && acts.stop(),
      up: acts.editLast,
    });
    this.area.addEventListener("input", () => this.draw());
    this.button = iconButton(page, "send", LABELS.panel.send, () => (this.isBusy ? acts.stop() : this.send()));
    this.button.classList.add("magistral-send");
    const hint = make(page, "div", { class: "magistral-hint", text: LABELS.panel.hint });
    this.element = make(page, "form", {
      class: "magistral-composer",
      children: [make(page, "div", { class: "magistral-composer-box", children: [this.area, this.button] }), hint],
    });
    this.element.addEventListener("submit", (event) => event.preventDefault());
    this.set(false, false);
  }

  /** `isBusy`: an answer comes. `isOff`: no question can be asked at all. */
  set(isBusy: boolean, isOff: boolean): void {
    this.isBusy = isBusy;
    this.isOff = isOff;
    this.draw();
  }

  /** Put a text back that could not be sent, unless the reader has begun another. */
  restore(text: string): void {
    if (this.area.value.trim()) return;
    this.area.value = text;
    fitHeight(this.area);
    this.draw();
  }

  private draw(): void {
    const label = this.isBusy ? LABELS.panel.stop : LABELS.panel.send;
    renameButton(this.button, this.isBusy ? "stop" : "send", label);
    this.button.classList.toggle("magistral-stops", this.isBusy);
    // Not `disabled`, which would throw out whoever stands on it.
    this.button.setAttribute("aria-disabled", String(!this.isBusy && (this.isOff || !this.area.value.trim())));
    this.area.placeholder = this.isBusy ? LABELS.panel.placeholderBusy : LABELS.panel.placeholder;
    this.area.disabled = this.isOff;
  }

  private send(): void {
    const text = this.area.value;
    if (this.isOff || !text.trim()) return;
    if (this.isBusy) {
      this.acts.refuse(LABELS.panel.wait);
      return;
    }
    this.area.value = "";
    fitHeight(this.area);
    this.draw();
    this.acts.send(text);
  }
}
