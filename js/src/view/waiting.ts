/** What is said while nothing has come: what for, how long already, and how the wait will end. */

import { duration } from "../core/facts.js";
import { plain } from "../core/text.js";
import type { Transcript } from "../core/transcript.js";
import { make, say } from "./dom.js";
import { LABELS } from "./labels.js";

export class WaitingView {
  readonly element: HTMLElement;
  private readonly words: HTMLElement;
  private readonly time: HTMLElement;
  private readonly meanwhile: HTMLElement;
  private readonly progress: HTMLProgressElement;

  constructor(page: Document) {
    this.words = make(page, "span", { class: "magistral-waiting-words" });
    this.time = make(page, "span", { class: "magistral-time" });
    this.meanwhile = make(page, "div", { class: "magistral-meanwhile" });
    this.progress = make(page, "progress", { class: "magistral-progress", attributes: { max: "1" } });
    const line = make(page, "div", { class: "magistral-waiting-line", children: [this.words, this.time] });
    this.element = make(page, "div", {
      class: "magistral-waiting",
      children: [line, this.progress, this.meanwhile],
    });
  }

  draw(transcript: Transcript, seconds: number, patience: string): void {
    const { waiting, reply } = transcript;
    say(this.words, plain(waitingWords(waiting?.why ?? "connecting", reply.model, reply.endpoint)));
    say(this.time, seconds >= 1 ? duration(seconds, true) : "");
    say(this.meanwhile, plain([waiting?.text ?? "", patience].filter(Boolean).join("\n")));
    const done = waiting?.progress ?? null;
    this.progress.hidden = done === null;
    if (done !== null) this.progress.value = done;
    this.progress.setAttribute("aria-label", this.words.textContent ?? "");
  }
}

function waitingWords(why: string, model: string, endpoint: string): string {
  const asked = model || LABELS.theModel;
  const asker = endpoint || LABELS.theServer;
  if (why === "connecting") return LABELS.connecting(asked, asker);
  if (why === "loading") return LABELS.loading(asked);
  if (why === "retry") return LABELS.retry(asker);
  return LABELS.waitsFor(asked);
}
