/** Which system prompt goes along: the one that makes the model think, the reader's own, or none. */

import { make } from "../dom.js";
import { LABELS } from "../labels.js";
import { choice, type Field, labelled } from "./fields.js";

const words = LABELS.panel;

/** What is set: `default`, `""` for none, or a text. */
export class SystemField implements Field<string | null> {
  readonly element: HTMLElement;
  private readonly kind: Field<string>;
  private readonly own: Field<string>;
  private readonly area: HTMLTextAreaElement;
  /** The reader wants one of his own, and has not yet said which. */
  private isBegun = false;

  constructor(page: Document, set: (value: string) => void) {
    this.kind = choice(page, words.system, words.systems, (kind) => this.choose(kind, set));
    this.area = make(page, "textarea", { attributes: { rows: "2", dir: "auto" } });
    this.own = labelled(page, words.systemText, this.area, words.systemHint);
    this.area.addEventListener("change", () => {
      const text = this.area.value.trim();
      if (text) set(text);
    });
    this.element = make(page, "div", { class: "magistral-field", children: [this.kind.element, this.own.element] });
    this.show("default");
  }

  /** Show what is in force; null is none. */
  show(value: string | null): void {
    const isOwn = value !== null && value !== "" && value !== "default";
    if (isOwn) this.isBegun = false;
    const kind = isOwn || this.isBegun ? "own" : value === "default" ? "default" : "none";
    this.kind.show(kind);
    this.own.element.hidden = kind !== "own";
    if (isOwn) this.own.show(value);
  }

  refuse(words: string): void {
    this.own.refuse(words);
  }

  private choose(kind: string, set: (value: string) => void): void {
    this.isBegun = kind === "own";
    this.own.element.hidden = kind !== "own";
    this.refuse("");
    const text = this.area.value.trim();
    if (kind !== "own") set(kind === "none" ? "" : "default");
    else if (text) set(text);
    else this.area.focus();
  }
}
