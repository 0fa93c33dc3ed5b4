/** One turn: the question, the reply as every reply is drawn, and what can be done. Drawn only when it comes near. */

import type { Turn } from "../../core/panel_protocol.js";
import type { LiveTurn } from "../../core/panel_state.js";
import type { ReplyEvent } from "../../core/protocol.js";
import { plain } from "../../core/text.js";
import { make } from "../dom.js";
import { INSERT_EVENT, type InsertDetail } from "../insert_event.js";
import { LABELS } from "../labels.js";
import { ReplyView } from "../reply.js";
import { actionRow, type TurnActs, type TurnSituation } from "./actions.js";
import { Question } from "./question.js";

const LINE = 24;
const CHARACTERS_A_LINE = 80;

export interface TurnHost {
  /** Names the panel, so that folds are found again. */
  id: string;
  canInsert: boolean;
  acts(view: TurnView): Omit<TurnActs, "edit" | "insertAll">;
  edit(view: TurnView): void;
  situation(view: TurnView): Omit<TurnSituation, "codeBlocks" | "canInsert">;
}

export class TurnView {
  readonly element: HTMLElement;
  readonly question: Question;
  turn: Turn | null = null;
  private readonly heading: HTMLElement;
  private readonly body: HTMLElement;
  private reply: ReplyView | null = null;
  private actions: HTMLElement | null = null;
  private situation = "";

  constructor(
    private readonly page: Document,
    private readonly host: TurnHost,
    text: string,
  ) {
    this.question = new Question(page, text);
    this.heading = make(page, "h3", { class: "magistral-unseen magistral-turn-name" });
    this.body = make(page, "div", { class: "magistral-turn-reply" });
    this.element = make(page, "article", {
      class: "magistral-turn",
      children: [this.heading, this.question.element, this.body],
    });
  }

  get isDrawn(): boolean {
    return this.reply !== null || this.actions !== null;
  }

  get isLive(): boolean {
    return this.turn === null;
  }

  /** The action that the focus stands on; "" if it stands elsewhere in this turn, none if it is not in it. */
  get focusedAct(): string | null {
    const at = this.page.activeElement;
    return this.element.contains(at) ? ((at as HTMLElement).dataset.act ?? "") : null;
  }

  /** Put the focus on an action; returns whether there is such a one. */
  focusAct(act: string): boolean {
    this.draw();
    const button = this.actions?.querySelector<HTMLElement>(`[data-act="${act}"]`);
    button?.focus();
    return Boolean(button);
  }

  /** A finished turn: only its text at first, which can be read and found. */
  show(turn: Turn): void {
    this.turn = turn;
    this.undraw();
  }

  /** Draw all of it. */
  draw(): void {
    const { turn } = this;
    if (!turn || this.isDrawn) return;
    this.body.replaceChildren();
    this.element.classList.remove("magistral-far");
    if (turn.reply || turn.error) this.drawReply(turn);
    else this.body.append(make(this.page, "p", { class: "magistral-hint", text: LABELS.panel.neverAnswered }));
    this.refresh();
  }

  /** Leave the words only. The page remembers how high it was. */
  undraw(): void {
    this.reply?.destroy();
    this.reply = null;
    this.actions?.remove();
    this.actions = null;
    this.situation = "";
    const words = [this.turn?.reply?.answer ?? "", this.turn?.error?.message ?? ""].filter(Boolean).join("\n\n");
    this.body.replaceChildren(
      make(this.page, "div", { class: "magistral-turn-words", text: plain(words), attributes: { dir: "auto" } }),
    );
    this.element.classList.add("magistral-far");
    const lines = Math.ceil((words.length + this.question.text.length) / CHARACTERS_A_LINE) + 4;
    this.element.style.setProperty("contain-intrinsic-size", `auto ${lines * LINE}px`);
  }

  /** Begin to draw what comes. */
  begin(live: LiveTurn): void {
    this.turn = null;
    this.body.replaceChildren();
    this.element.classList.remove("magistral-far");
    this.reply = new ReplyView(this.body, this.options(live.replyId));
    this.replace(live);
    if (live.patience) this.reply.patience(live.patience);
  }

  hear(events: readonly ReplyEvent[]): void {
    this.reply?.add(events);
  }

  patience(text: string): void {
    this.reply?.patience(text);
  }

  /** Draw the live reply from what there is. */
  replace({ transcript }: LiveTurn): void {
    const { reply, phase, failed } = transcript;
    if (failed) this.reply?.add([failed]);
    if (reply.model || reply.answer || reply.thinking) this.reply?.show(structuredClone(reply), !transcript.isOver);
    else if (phase === "waiting") this.reply?.add([]);
  }

  /** It is finished: what is drawn stays. */
  end(turn: Turn, sameReply: boolean): void {
    this.turn = turn;
    const isOpen = this.reply?.element.getAttribute("aria-busy") !== "false";
    if (!sameReply || isOpen || turn.error) {
      if (turn.error) this.reply?.add([failure(turn)]);
      if (turn.reply) this.reply?.show(structuredClone(turn.reply));
    }
    this.refresh();
  }

  /** Bring the name and the actions up to date. */
  refresh(): void {
    const now = this.host.situation(this);
    const name = LABELS.panel.question(now.number);
    if (this.heading.textContent !== name) this.heading.textContent = name;
    if (!this.turn || this.element.classList.contains("magistral-far")) return;
    const situation = { ...now, canInsert: this.host.canInsert, codeBlocks: this.codes().length };
    const key = JSON.stringify([situation, this.turn.id, this.turn.branch, this.turn.can_continue]);
    if (key === this.situation) return;
    this.situation = key;
    const row = actionRow(this.page, this.turn, situation, {
      ...this.host.acts(this),
      edit: () => this.host.edit(this),
      insertAll: () => this.insertAll(),
    });
    this.swapActions(row);
  }

  /** Text of the answer, to be called out once it is whole. */
  spoken(most: number): string {
    const text = this.body.querySelector(".magistral-answer")?.textContent ?? "";
    return text.length > most ? `${text.slice(0, most)}…` : text;
  }

  destroy(): void {
    this.reply?.destroy();
    this.element.remove();
  }

  private drawReply(turn: Turn): void {
    this.reply = new ReplyView(this.body, this.options(`${this.host.id}-${turn.id ?? "last"}`));
    if (turn.error) this.reply.add([failure(turn)]);
    if (turn.reply) this.reply.show(structuredClone(turn.reply));
  }

  private options(id: string): { id: string; canInsert: boolean } {
    return { id, canInsert: this.host.canInsert };
  }

  private codes(): HTMLElement[] {
    return [...this.body.querySelectorAll<HTMLElement>(".magistral-answer .magistral-code")];
  }

  private insertAll(): void {
    const detail: InsertDetail[] = this.codes().map((box) => ({
      code: (box.querySelector("code")?.textContent ?? "").replace(/\n$/, ""),
      language: box.querySelector(".magistral-language")?.textContent ?? "",
    }));
    this.body.dispatchEvent(new CustomEvent(INSERT_EVENT, { bubbles: true, detail }));
  }

  private swapActions(row: HTMLElement): void {
    const act = this.focusedAct;
    if (this.actions) this.actions.replaceWith(row);
    else this.element.append(row);
    this.actions = row;
    if (act) this.focusAct(act);
  }
}

function failure({ error, reply }: Turn): ReplyEvent {
  const at = reply?.seconds ?? 0;
  return { type: "failed", kind: error?.kind ?? "", message: error?.message ?? "", hint: error?.hint ?? "", at };
}
