/** One line above the conversation: what happened to the kernel, what was refused, or what can be undone. */

import { plain } from "../../core/text.js";
import { make } from "../dom.js";
import { LABELS } from "../labels.js";
import { iconButton, wordButton } from "./buttons.js";

export interface Said {
  text: string;
  hint?: string;
  kind: "problem" | "news" | "lasting";
  action?: { label: string; act: () => void };
  /** A line to run by hand. */
  code?: HTMLElement;
}

export class Banner {
  readonly element: HTMLElement;
  private key = "";

  constructor(private readonly page: Document) {
    this.element = make(page, "div", { class: "magistral-banner", attributes: { role: "status" } });
    this.element.hidden = true;
  }

  show(said: Said | null): void {
    const key = said ? JSON.stringify([said.text, said.hint, said.kind, said.action?.label, Boolean(said.code)]) : "";
    if (key === this.key && said?.kind === "lasting") return;
    this.key = key;
    this.element.hidden = !said;
    this.element.className = said ? `magistral-banner magistral-banner-${said.kind}` : "magistral-banner";
    this.element.replaceChildren();
    if (!said) return;
    const words = make(this.page, "div", {
      class: "magistral-banner-words",
      attributes: { dir: "auto" },
      children: [
        make(this.page, "span", { text: plain(said.text) }),
        said.hint ? make(this.page, "span", { class: "magistral-hint", text: ` ${plain(said.hint)}` }) : null,
        said.code ?? null,
      ],
    });
    this.element.append(words);
    if (said.action)
      this.element.append(wordButton(this.page, said.action.label, said.action.act, "magistral-primary"));
    if (said.kind !== "lasting") {
      this.element.append(iconButton(this.page, "close", LABELS.panel.dismiss, () => this.show(null)));
    }
  }
}
