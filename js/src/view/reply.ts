/** One reply, live or finished, drawn into an element. Knows no notebook: whoever shows it brings events and hears Stop. */

import { unusualEnd } from "../core/facts.js";
import type { ReplyData, ReplyEvent } from "../core/protocol.js";
import { Transcript } from "../core/transcript.js";
import { Clock } from "./clock.js";
import { make, say } from "./dom.js";
import { PageFollower } from "./follow.js";
import { FooterView } from "./footer.js";
import { GrowingView } from "./growing.js";
import { LABELS } from "./labels.js";
import { drawBadges, drawError, drawNotices, drawWishes } from "./notices.js";
import { Pace } from "./pace.js";
import { ThinkingView } from "./thinking.js";
import { WaitingView } from "./waiting.js";

export interface ReplyOptions {
  /** Names the reply, so that its folds are found again. */
  id?: string;
  /** Called once, by the Stop button; without it there is none. */
  onStop?: () => void;
  /** Code blocks offer to become cells; the request bubbles as an `INSERT_EVENT`. */
  canInsert?: boolean;
  showThinking?: boolean;
}

export class ReplyView {
  readonly element: HTMLElement;
  private transcript = new Transcript();
  private patienceText = "";
  private thinking: ThinkingView | null = null;
  private readonly badges: HTMLElement;
  private readonly waiting: WaitingView;
  private answer: GrowingView;
  private answerBox: HTMLElement;
  private readonly wishes: HTMLElement;
  private readonly notices: HTMLElement;
  private readonly error: HTMLElement;
  private readonly footer: FooterView;
  private readonly announced: HTMLElement;
  private readonly pace = new Pace(
    () => this.draw(),
    () => this.settle(),
  );
  private readonly clock = new Clock(() => this.pace.ask());
  private readonly follower: PageFollower;

  constructor(
    host: HTMLElement,
    private readonly options: ReplyOptions = {},
  ) {
    const page = host.ownerDocument;
    const box = (name: string) => make(page, "div", { class: name });
    this.badges = box("magistral-badges");
    this.waiting = new WaitingView(page);
    this.answerBox = box("magistral-answer magistral-text");
    this.answer = new GrowingView(this.answerBox);
    this.wishes = box("magistral-wishes");
    this.notices = box("magistral-notices");
    this.error = box("magistral-errors");
    this.footer = new FooterView(page, () => this.transcript.reply.answer, options.onStop);
    this.announced = make(page, "div", { class: "magistral-unseen", attributes: { role: "status" } });
    this.element = make(page, "div", {
      class: `magistral magistral-reply${options.canInsert ? " magistral-inserts" : ""}`,
      children: [
        this.badges,
        this.waiting.element,
        this.answerBox,
        this.wishes,
        this.notices,
        this.error,
        this.footer.element,
        this.announced,
      ],
    });
    this.follower = new PageFollower(this.element);
    host.append(this.element);
  }

  /** Take in what happened, and draw it soon. */
  add(events: readonly ReplyEvent[]): void {
    for (const event of events) {
      if (event.type === "reclassified") this.clearAnswer();
      this.transcript.add(event);
      if (event.type !== "waiting") this.patienceText = "";
    }
    this.clock.hear(this.transcript.at);
    if (this.transcript.isOver) this.end();
    else {
      this.clock.start();
      this.pace.ask();
    }
  }

  /** Say how a wait will end; an empty text takes it back. */
  patience(text: string): void {
    this.patienceText = text;
    this.pace.ask();
  }

  /** Show a stored reply: the whole of it, or with `isLive` what there is so far. */
  show(reply: ReplyData, isLive = false): void {
    if (!reply.answer.startsWith(this.answer.whole)) this.clearAnswer();
    const { waiting, failed } = this.transcript;
    this.transcript = new Transcript({ ...reply });
    Object.assign(this.transcript, { waiting, failed });
    if (!isLive) this.transcript.phase = failed ? "failed" : "done";
    this.clock.hear(reply.seconds);
    if (isLive) this.add([]);
    else this.end();
  }

  /** The kernel is gone, and nothing more will come. */
  lose(): void {
    if (this.transcript.isOver) return;
    const { kernelLost: message, recover: hint } = LABELS;
    this.add([{ type: "failed", kind: "KernelLost", message, hint, at: this.clock.now() }]);
  }

  destroy(): void {
    this.clock.stop();
    this.pace.cancel();
    this.element.remove();
  }

  private end(): void {
    this.clock.stop();
    this.pace.now();
  }

  private clearAnswer(): void {
    const fresh = make(this.element.ownerDocument, "div", { class: this.answerBox.className });
    this.answerBox.replaceWith(fresh);
    this.answerBox = fresh;
    this.answer = new GrowingView(fresh);
  }

  private draw(): void {
    const { reply, isOver, failed } = this.transcript;
    this.follower.before();
    this.element.setAttribute("aria-busy", String(!isOver));
    drawBadges(this.badges, reply);
    this.drawThinking();
    this.answer.add(reply.answer.slice(this.answer.whole.length));
    this.answer.draw(isOver);
    drawWishes(this.wishes, reply);
    drawNotices(this.notices, reply, isOver, failed !== null);
    drawError(this.error, failed);
    this.drawState();
    if (!isOver) this.follower.after(); // also lays the page out, so that the pace knows what that costs
  }

  private settle(): void {
    if (this.transcript.isOver) return;
    this.thinking?.settle();
    this.answer.settle();
  }

  private drawThinking(): void {
    const { reply, phase, isOver, thinkingBegan } = this.transcript;
    if (!reply.thinking.trim() || this.options.showThinking === false) return;
    if (!this.thinking) {
      this.thinking = new ThinkingView(this.element.ownerDocument, this.options.id ?? "");
      this.badges.after(this.thinking.element);
    }
    const goesOn = phase === "thinking";
    const isAll = !reply.answer.trim() && !reply.tool_calls.length; // nothing else to read
    this.thinking.take(reply.thinking);
    this.thinking.suggest(goesOn || isAll);
    const soFar = thinkingBegan === null ? reply.thinking_seconds : this.clock.now() - thinkingBegan;
    this.thinking.draw({
      seconds: goesOn ? soFar : reply.thinking_seconds,
      isOver: !goesOn || isOver,
      tokens: reply.usage?.reasoning_tokens ?? null,
    });
  }

  private drawState(): void {
    const { phase, reply, isOver, failed } = this.transcript;
    const waits = phase === "waiting";
    this.waiting.element.hidden = !waits;
    if (waits) this.waiting.draw(this.transcript, this.clock.now(), this.patienceText);
    const words = phase === "answering" ? LABELS.writing : "";
    if (isOver) this.footer.drawFinal(reply, failed !== null);
    else this.footer.drawLive(words, this.clock.now(), waits ? "" : this.patienceText, Boolean(this.options.onStop));
    say(this.announced, this.toAnnounce());
  }

  /** One sentence for each phase: the words themselves are read by whoever wants to, not called out as they come. */
  private toAnnounce(): string {
    const { phase, reply, failed } = this.transcript;
    if (phase === "thinking") return LABELS.saidThinking;
    if (phase === "answering") return LABELS.saidWriting;
    if (failed) return LABELS.saidFailed(failed.message);
    if (phase !== "done" || !this.announced.textContent) return ""; // a stored reply is no news
    const end = unusualEnd(reply);
    return end ? LABELS.saidEnded(end) : LABELS.saidDone;
  }
}
