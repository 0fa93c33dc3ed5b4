/** What can be done with one turn. */

import type { Turn } from "../../core/panel_protocol.js";
import { copyText } from "../copying.js";
import { make } from "../dom.js";
import { LABELS } from "../labels.js";
import { iconButton, wordButton } from "./buttons.js";

export interface TurnActs {
  edit: () => void;
  regenerate: () => void;
  goOn: () => void;
  askAgain: () => void;
  delete: () => void;
  branch: (at: number) => void;
  insertAll: () => void;
  /** Say something to those who do not see it. */
  say: (words: string) => void;
}

export interface TurnSituation {
  number: number;
  isLast: boolean;
  /** Something can be asked now. */
  canAsk: boolean;
  canInsert: boolean;
  codeBlocks: number;
}

/** The row below a reply. It is made anew when the situation changes, and the focus put back by `data-act`. */
export function actionRow(page: Document, turn: Turn, situation: TurnSituation, acts: TurnActs): HTMLElement {
  const { canAsk, isLast } = situation;
  const words = LABELS.panel;
  const wasSent = turn.id !== null;
  const copy = iconButton(page, "copy", words.copyQuestion, () => {
    void copyText(turn.text, page).then((worked) => acts.say(worked ? LABELS.copied : LABELS.notCopied));
  });
  const put = (shown: boolean, act: string, button: () => HTMLButtonElement): HTMLButtonElement | null =>
    shown ? mark(button(), act) : null;
  const children = [
    turn.branch.of > 1 ? branchRow(page, turn, canAsk, acts) : null,
    put(true, "copy", () => copy),
    put(wasSent && canAsk, "edit", () => iconButton(page, "edit", words.edit, acts.edit)),
    put(wasSent && canAsk, "again", () => iconButton(page, "again", words.regenerate, acts.regenerate)),
    put(wasSent && canAsk, "delete", () => iconButton(page, "trash", words.delete, acts.delete)),
    put(situation.canInsert && situation.codeBlocks > 1, "insert", () =>
      iconButton(page, "cells", words.insertAll, acts.insertAll),
    ),
    put(wasSent && canAsk && isLast && turn.can_continue, "continue", () =>
      wordButton(page, words.goOn, acts.goOn, "magistral-primary"),
    ),
    put(!wasSent && canAsk && isLast, "ask", () =>
      wordButton(page, words.askAgain, acts.askAgain, "magistral-primary"),
    ),
  ];
  return make(page, "div", {
    class: "magistral-actions",
    attributes: { role: "group", "aria-label": words.turnActions(situation.number) },
    children,
  });
}

function branchRow(page: Document, turn: Turn, canAsk: boolean, acts: TurnActs): HTMLElement {
  const { at, of } = turn.branch;
  const words = LABELS.panel;
  const step = (by: -1 | 1, button: HTMLButtonElement, act: string): HTMLButtonElement => {
    const isEnd = by < 0 ? at <= 1 : at >= of;
    button.setAttribute("aria-disabled", String(isEnd || !canAsk));
    button.addEventListener("click", () => {
      if (!isEnd && canAsk) acts.branch(at + by);
    });
    return mark(button, act);
  };
  const none = (): void => {};
  const shown = make(page, "span", {
    class: "magistral-branch-now",
    children: [
      make(page, "span", { text: words.branch(at, of), attributes: { "aria-hidden": "true" } }),
      make(page, "span", { class: "magistral-unseen", text: words.branchNow(at, of) }),
    ],
  });
  return make(page, "span", {
    class: "magistral-branch",
    children: [
      step(-1, iconButton(page, "earlier", words.earlier, none), "earlier"),
      shown,
      step(1, iconButton(page, "later", words.later, none), "later"),
    ],
  });
}

function mark(button: HTMLButtonElement, act: string): HTMLButtonElement {
  button.dataset.act = act;
  return button;
}
