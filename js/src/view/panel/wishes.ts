/** What the reader wants of the kernel: sent, counted while it is on its way, and a refusal shown where it was wished. */

import { LABELS } from "../labels.js";
import type { Banner } from "./banner.js";
import { type PanelDoor, Refusal, type Wish } from "./door.js";

const QUESTIONS: ReadonlySet<string> = new Set(["ask", "edit", "regenerate", "continue"] satisfies Wish["type"][]);
const words = LABELS.panel;

export class Wishes {
  private asking = 0;

  /** `changed` hears when a question leaves or is answered, `undone` when the reader takes something back. */
  constructor(
    private readonly door: PanelDoor,
    private readonly banner: Banner,
    private readonly told: { changed: () => void; undone: () => void },
  ) {}

  /** Whether questions are on their way: they can be stopped, too. */
  get areQuestions(): boolean {
    return this.asking > 0;
  }

  /** Return whether it was granted; say why where it was not. */
  async wish(wish: Wish, granted: (data: unknown) => void = () => {}): Promise<boolean> {
    const isQuestion = QUESTIONS.has(wish.type);
    if (isQuestion) this.count(1);
    try {
      granted(await this.door.wish(wish));
      return true;
    } catch (error) {
      const { message, hint } = error instanceof Refusal ? error : { message: String(error), hint: "" };
      this.banner.show({ text: message || words.refused, hint, kind: "problem" });
      return false;
    } finally {
      if (isQuestion) this.count(-1);
    }
  }

  /** Say what was done; the answer names the turn that brings it back. */
  offerUndo(text: string): (data: unknown) => void {
    return (data) => {
      const turn = (data as { turn?: unknown } | null)?.turn;
      if (typeof turn !== "number") return;
      const act = (): void => {
        this.banner.show(null);
        this.told.undone();
        void this.wish({ type: "restore", turn });
      };
      this.banner.show({ text, kind: "news", action: { label: words.undo, act } });
    };
  }

  private count(by: number): void {
    this.asking += by;
    this.told.changed();
  }
}
