/** Keeps the log at its end while the reader is there, and offers the way back to whoever is not. */

import { make } from "../dom.js";
import { LABELS } from "../labels.js";
import { icon } from "./icons.js";

const NEAR = 40;
/** So long after a wheel, a finger or a key the log may still move by it, in milliseconds. */
const MOVES_FOR = 1_000;
const MOVERS = ["wheel", "touchmove", "pointerdown", "pointermove", "keydown"] as const;

export class EndFollower {
  readonly button: HTMLButtonElement;
  private isThere = true;
  private touched = Number.NEGATIVE_INFINITY;
  private readonly growth: ResizeObserver | null;

  constructor(
    private readonly log: HTMLElement,
    content: HTMLElement,
  ) {
    const page = log.ownerDocument;
    this.button = make(page, "button", {
      class: "magistral-button magistral-to-end",
      attributes: { type: "button" },
      children: [icon(page, "down"), page.createTextNode(LABELS.panel.toEnd)],
    });
    this.button.hidden = true;
    this.button.addEventListener("click", () => {
      log.focus({ preventScroll: true });
      this.toEnd();
    });
    log.addEventListener("scroll", () => this.look(), { passive: true });
    const touch = (): void => {
      this.touched = performance.now();
    };
    for (const mover of MOVERS) log.addEventListener(mover, touch, { passive: true });
    this.growth = globalThis.ResizeObserver ? new ResizeObserver(() => this.grown()) : null;
    this.growth?.observe(content);
    this.growth?.observe(log);
  }

  /** Go to the end, and stay there. */
  toEnd(): void {
    this.isThere = true;
    this.log.scrollTop = this.log.scrollHeight;
    this.button.hidden = true;
  }

  /** Leave the log where it is: the reader does something further up. */
  stay(): void {
    this.isThere = false;
  }

  /** After the log was put elsewhere in the page, where it begins at its top. */
  again(): void {
    if (this.isThere) this.toEnd();
  }

  stop(): void {
    this.growth?.disconnect();
  }

  private grown(): void {
    if (this.isThere) this.toEnd();
    else this.look();
  }

  private look(): void {
    const { scrollHeight, scrollTop, clientHeight } = this.log;
    if (!clientHeight) return; // out of the page for now
    // A log that has grown is not at its end either: only a reader leaves it.
    if (scrollHeight - scrollTop - clientHeight < NEAR) this.isThere = true;
    else if (performance.now() - this.touched < MOVES_FOR) this.isThere = false;
    if (this.isThere && scrollHeight - scrollTop - clientHeight >= NEAR) return; // it follows at the next growth
    this.button.hidden = this.isThere;
  }
}
