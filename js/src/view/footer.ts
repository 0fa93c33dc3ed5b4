/** The line below a reply: while it grows, how long already and Stop; then where it came from and what it took. */

import { duration, footer, unusualEnd } from "../core/facts.js";
import type { ReplyData } from "../core/protocol.js";
import { plain } from "../core/text.js";
import { copyButton } from "./copying.js";
import { button, make, say } from "./dom.js";
import { LABELS } from "./labels.js";

export class FooterView {
  readonly element: HTMLElement;
  private readonly live: HTMLElement;
  private readonly facts: HTMLElement;
  private readonly stop: HTMLButtonElement;
  private readonly copy: HTMLButtonElement;

  constructor(page: Document, answer: () => string, onStop: (() => void) | undefined) {
    this.live = make(page, "span", { class: "magistral-status" });
    this.facts = make(page, "span", { class: "magistral-facts" });
    this.stop = button(page, "magistral-stop", LABELS.stop, () => {
      say(this.stop, LABELS.stopping);
      this.stop.disabled = true;
      onStop?.();
    });
    this.stop.hidden = !onStop;
    this.copy = copyButton(page, answer, LABELS.copyAnswer);
    this.element = make(page, "footer", {
      class: "magistral-footer",
      children: [this.live, this.facts, this.stop, this.copy],
    });
  }

  drawLive(words: string, seconds: number, patience: string, canStop: boolean): void {
    this.element.classList.add("magistral-live");
    say(this.live, [words, words && seconds >= 1 ? duration(seconds, true) : ""].filter(Boolean).join(" "));
    say(this.facts, plain(patience));
    this.stop.hidden = !canStop;
    this.copy.hidden = true;
  }

  drawFinal(reply: ReplyData, failed: boolean): void {
    const page = this.element.ownerDocument;
    this.element.classList.remove("magistral-live");
    const end = failed ? "" : unusualEnd(reply);
    const shown = footer(reply).map((fact) => make(page, "span", { class: "magistral-fact", text: plain(fact) }));
    this.live.replaceChildren(...(end ? [make(page, "strong", { text: end })] : []));
    this.facts.replaceChildren(...shown);
    this.stop.hidden = true;
    this.copy.hidden = !reply.answer.trim();
    this.element.hidden = !end && !shown.length && this.copy.hidden;
  }
}
