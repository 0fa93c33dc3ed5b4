/** What an empty panel says: where questions go and why, three to begin with, or what to do first. */

import type { Welcome } from "../../core/panel_protocol.js";
import { plain } from "../../core/text.js";
import { make } from "../dom.js";
import { LABELS } from "../labels.js";
import { wordButton } from "./buttons.js";

export class WelcomeView {
  readonly element: HTMLElement;
  private drawn = "";

  constructor(
    private readonly page: Document,
    private readonly ask: (text: string) => void,
  ) {
    this.element = make(page, "div", { class: "magistral-welcome" });
  }

  /** `canAsk`: the examples can be asked now. */
  draw(welcome: Welcome | null, canAsk: boolean): void {
    const key = JSON.stringify([welcome, canAsk]);
    if (key === this.drawn) return;
    this.drawn = key;
    const said = (name: string, text: string) =>
      text ? make(this.page, "p", { class: name, text: plain(text), attributes: { dir: "auto" } }) : null;
    this.element.replaceChildren(
      make(this.page, "h3", { class: "magistral-welcome-title", text: LABELS.panel.welcome }),
    );
    if (!welcome) return;
    const { endpoint, why, help, examples } = welcome;
    const parts = [
      said("magistral-welcome-where", [endpoint ? LABELS.panel.asks(endpoint) : "", why].filter(Boolean).join(" ")),
      help ? said("magistral-notice magistral-help", help) : null,
      canAsk && examples.length ? this.examples(examples) : null,
    ];
    this.element.append(...parts.filter((part) => part !== null));
  }

  private examples(examples: string[]): HTMLElement {
    const buttons = examples.map((text) => {
      const made = wordButton(this.page, plain(text), () => this.ask(text), "magistral-example");
      made.dir = "auto";
      return made;
    });
    const attributes = { role: "group", "aria-label": LABELS.panel.examples };
    return make(this.page, "div", { class: "magistral-examples", attributes, children: buttons });
  }
}
