/** The line at the foot: how full the context is, what was spent, and what may be. */

import { dollars, grouped } from "../../core/numbers.js";
import type { Meter } from "../../core/panel_protocol.js";
import { plain } from "../../core/text.js";
import { make, say } from "../dom.js";
import { LABELS } from "../labels.js";

const NEARLY_FULL = 0.85;

export class MeterView {
  readonly element: HTMLElement;
  private readonly words: HTMLElement;
  private readonly bar: HTMLElement;
  private readonly fill: HTMLElement;
  private readonly cost: HTMLElement;
  private readonly budget: HTMLElement;

  constructor(page: Document) {
    const part = (name: string) => make(page, "span", { class: name });
    this.words = part("magistral-context-words");
    this.fill = part("magistral-context-fill");
    this.bar = make(page, "span", {
      class: "magistral-context",
      attributes: { role: "meter", "aria-label": LABELS.panel.contextName, "aria-valuemin": "0" },
      children: [this.fill],
    });
    this.cost = part("magistral-cost");
    this.budget = part("magistral-budget");
    this.element = make(page, "div", {
      class: "magistral-meter",
      children: [this.bar, this.words, this.cost, this.budget],
    });
  }

  draw(meter: Meter | null): void {
    this.element.hidden = !meter;
    if (!meter) return;
    const { used, limit, exact, cost, budget } = meter;
    const words = LABELS.panel;
    const text = limit ? words.contextOf(grouped(used), grouped(limit)) : words.contextUsed(grouped(used));
    say(this.words, used ? (exact ? text : words.about(text)) : "");
    this.bar.hidden = !limit || !used;
    if (limit) this.drawBar(used, limit, text);
    say(this.cost, cost === null ? "" : words.spent(dollars(cost)));
    say(this.budget, budget ? plain(budget.text) : "");
    this.budget.classList.toggle("magistral-full", Boolean(budget && budget.spent >= budget.limit * NEARLY_FULL));
  }

  private drawBar(used: number, limit: number, text: string): void {
    const part = Math.min(1, used / limit);
    this.bar.setAttribute("aria-valuenow", String(Math.min(used, limit)));
    this.bar.setAttribute("aria-valuemax", String(limit));
    this.bar.setAttribute("aria-valuetext", text);
    this.bar.classList.toggle("magistral-full", part >= NEARLY_FULL);
    this.fill.style.width = `${(part * 100).toFixed(1)}%`;
  }
}
