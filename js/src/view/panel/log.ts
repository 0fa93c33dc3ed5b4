/** The turns, one below the other: those of the state, and the live one at the end. */

import type { Turn } from "../../core/panel_protocol.js";
import type { PanelState } from "../../core/panel_state.js";
import { make } from "../dom.js";
import { LABELS } from "../labels.js";
import { EndFollower } from "./end.js";
import { Nearness } from "./nearness.js";
import { type TurnHost, TurnView } from "./turn.js";

export class LogView {
  readonly element: HTMLElement;
  readonly log: HTMLElement;
  private readonly content: HTMLElement;
  private readonly end: EndFollower;
  private readonly nearness: Nearness;
  private views: TurnView[] = [];

  constructor(
    private readonly page: Document,
    private readonly state: PanelState,
    private readonly host: TurnHost,
  ) {
    this.content = make(page, "div", { class: "magistral-turns" });
    this.log = make(page, "div", {
      class: "magistral-log",
      // Words are not called out as they come; the panel says what has ended.
      attributes: { role: "log", "aria-live": "off", "aria-label": LABELS.panel.log, tabindex: "0" },
      children: [this.content],
    });
    this.end = new EndFollower(this.log, this.content);
    this.nearness = new Nearness(this.log);
    this.element = make(page, "div", { class: "magistral-log-box", children: [this.log, this.end.button] });
  }

  get live(): TurnView | null {
    const last = this.views.at(-1);
    return last?.isLive ? last : null;
  }

  get all(): readonly TurnView[] {
    return this.views;
  }

  /** The turns from `from` on are others now. */
  changed(from: number): void {
    const { turns, live } = this.state;
    let kept = Math.min(from, this.views.length);
    while (kept > 0 && this.views[kept - 1]?.isLive) kept -= 1;
    const gone = this.views.splice(kept);
    const focus = gone.map((view, at) => ({ at: kept + at, act: view.focusedAct })).find(({ act }) => act !== null);
    for (const view of gone) this.drop(view);
    for (const turn of turns.slice(kept)) this.addTurn(turn);
    if (live) {
      const view = this.add(live.text);
      view.begin(live);
    }
    this.refresh();
    if (focus) this.keepFocus(focus.at, focus.act);
  }

  /** The reader has asked something: the end is what they want to see. */
  toEnd(): void {
    this.end.toEnd();
  }

  /** What is done further up is not to be scrolled away. */
  stay(): void {
    this.end.stay();
  }

  moved(): void {
    this.end.again();
  }

  ended(sameReply: boolean): void {
    const turn = this.state.turns.at(-1);
    const view = this.live;
    if (!turn || !view) {
      this.changed(0);
      return;
    }
    view.end(turn, sameReply);
    this.nearness.watch(view);
    this.refresh();
  }

  refresh(): void {
    this.log.setAttribute("aria-busy", String(this.live !== null));
    this.log.hidden = !this.views.length;
    for (const view of this.views) view.refresh();
  }

  destroy(): void {
    this.nearness.stop();
    this.end.stop();
    for (const view of this.views) view.destroy();
  }

  /** What the focus stood on is gone: it goes to the same action of the turn that came, else to the log. */
  private keepFocus(at: number, act: string | null): void {
    const view = this.views[Math.min(at, this.views.length - 1)];
    if (view && !(act && view.focusAct(act))) this.log.focus({ preventScroll: true });
  }

  private addTurn(turn: Turn): void {
    const view = this.add(turn.text);
    view.show(turn);
    this.nearness.watch(view);
  }

  private add(text: string): TurnView {
    const view = new TurnView(this.page, this.host, text);
    this.views.push(view);
    this.content.append(view.element);
    return view;
  }

  private drop(view: TurnView): void {
    this.nearness.forget(view);
    view.destroy();
  }
}
