/** A code block that asks to become a cell: the page's own way where there is one, else the kernel is asked. */

import { INSERT_EVENT, type InsertDetail } from "../view/insert_event.js";
import type { ReplyModel } from "./assets.js";

/** Set by the labextension: makes a cell below, and returns whether it did. It never runs it. */
export const INSERTER = Symbol.for("magistral_nb.insert");

export type Inserter = (near: HTMLElement, detail: InsertDetail) => boolean;

export function listenForInserts(element: HTMLElement, model?: ReplyModel): () => void {
  const hear = (event: Event): void => {
    const { detail } = event as CustomEvent<InsertDetail>;
    const insert = (globalThis as { [INSERTER]?: Inserter })[INSERTER];
    if (!insert?.(element, detail)) model?.send({ type: "insert", ...detail });
  };
  element.addEventListener(INSERT_EVENT, hear);
  return () => element.removeEventListener(INSERT_EVENT, hear);
}
