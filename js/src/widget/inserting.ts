/** A code block that asks to become a cell: the page's own way where there is one, else the kernel is asked. */

import { INSERT_EVENT, type InsertDetail } from "../view/insert_event.js";
import type { ReplyModel } from "./assets.js";

/** Set by the labextension: makes a cell below, or several in their order, and returns whether it did. It never runs them. */
export const INSERTER = Symbol.for("magistral_nb.insert");

export type Inserter = (near: HTMLElement, detail: InsertDetail | InsertDetail[]) => boolean;

export function listenForInserts(element: HTMLElement, model?: ReplyModel): () => void {
  const hear = (event: Event): void => {
    const { detail } = event as CustomEvent<InsertDetail | InsertDetail[]>;
    const insert = (globalThis as { [INSERTER]?: Inserter })[INSERTER];
    if (insert?.(element, detail)) return;
    for (const one of [detail].flat()) model?.send({ type: "insert", ...one });
  };
  element.addEventListener(INSERT_EVENT, hear);
  return () => element.removeEventListener(INSERT_EVENT, hear);
}
