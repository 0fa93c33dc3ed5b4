/** The thinking, in a section of its own: open while it goes on, folded once the answer begins. */

import { duration, thought } from "../core/facts.js";
import { grouped } from "../core/numbers.js";
import { make, say } from "./dom.js";
import { recallFold, rememberFold } from "./folds.js";
import { BoxFollower } from "./follow.js";
import { GrowingView } from "./growing.js";
import { LABELS } from "./labels.js";

const CHARACTERS_A_TOKEN = 4; // roughly, until the server has counted

let made = 0;

export interface ThinkingState {
  /** Seconds so far, or as stored once it is over. */
  seconds: number | null;
  isOver: boolean;
  /** As the server counted, or null. */
  tokens: number | null;
}

export class ThinkingView {
  readonly element: HTMLElement;
  private readonly head: HTMLButtonElement;
  private readonly title: HTMLElement;
  private readonly detail: HTMLElement;
  private readonly fold: HTMLElement;
  private readonly box: HTMLElement;
  private readonly text: GrowingView;
  private readonly follower: BoxFollower;
  private isOpen = false;
  private isReaders = false;
  private isOver = false;

  constructor(
    page: Document,
    private readonly id: string,
  ) {
    made += 1;
    const name = `magistral-thinking-${made}`; // made here, never from a model's text
    this.title = make(page, "span", { class: "magistral-thinking-title", text: LABELS.thinking });
    this.detail = make(page, "span", { class: "magistral-thinking-detail" });
    this.head = make(page, "button", {
      class: "magistral-thinking-head",
      attributes: { type: "button", "aria-controls": name },
      children: [
        make(page, "span", { class: "magistral-chevron", attributes: { "aria-hidden": "true" } }),
        this.title,
        this.detail,
      ],
    });
    this.box = make(page, "div", {
      class: "magistral-thinking-box",
      attributes: { tabindex: "0", role: "region", "aria-label": LABELS.thinkingOf },
    });
    this.fold = make(page, "div", { class: "magistral-fold", attributes: { id: name }, children: [this.box] });
    this.element = make(page, "section", { class: "magistral-thinking", children: [this.head, this.fold] });
    this.text = new GrowingView(this.box);
    this.follower = new BoxFollower(this.box);
    this.head.addEventListener("click", () => this.turn());
    const recalled = recallFold(id);
    if (recalled !== undefined) this.isReaders = true;
    this.open(recalled ?? false);
  }

  /** Take in the whole text so far. A text that is no longer the beginning of it is drawn anew. */
  take(text: string): void {
    if (text.length > this.text.whole.length) this.text.add(text.slice(this.text.whole.length));
  }

  /** Open or fold, unless the reader has. */
  suggest(isOpen: boolean): void {
    if (!this.isReaders && isOpen !== this.isOpen) this.open(isOpen);
  }

  draw(state: ThinkingState): void {
    this.isOver = state.isOver;
    this.element.classList.toggle("magistral-live", !state.isOver);
    say(this.title, state.isOver ? thought(state.seconds) : LABELS.thinking);
    say(this.detail, this.details(state).join(" · "));
    this.drawText();
  }

  /** What was drawn is seen. */
  settle(): void {
    if (this.isOpen && !this.isOver) this.text.settle();
  }

  private details({ seconds, isOver, tokens }: ThinkingState): string[] {
    const count = grouped(tokens ?? Math.ceil(this.text.whole.length / CHARACTERS_A_TOKEN));
    if (isOver) return tokens ? [LABELS.countedTokens(count)] : [];
    return [...(seconds && seconds >= 1 ? [duration(seconds, true)] : []), LABELS.tokens(count)];
  }

  private drawText(): void {
    if (!this.isOpen) return; // what cannot be seen costs nothing
    this.text.draw(this.isOver);
    if (!this.isOver) this.follower.follow();
  }

  private turn(): void {
    this.isReaders = true;
    this.open(!this.isOpen);
    rememberFold(this.id, this.isOpen);
  }

  private open(isOpen: boolean): void {
    this.isOpen = isOpen;
    this.head.setAttribute("aria-expanded", String(isOpen));
    this.element.classList.toggle("magistral-open", isOpen);
    this.fold.inert = !isOpen;
    this.drawText();
  }
}
