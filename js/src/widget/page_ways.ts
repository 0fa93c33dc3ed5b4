/** What the page can do for a panel: the labextension says so, and without it the answer is nothing. */

import type { PanelDoor } from "../view/panel/door.js";
import { INSERTER, type Inserter } from "./inserting.js";

/** Set by the labextension. */
export const PANEL_WAYS = Symbol.for("magistral_nb.panel_ways");

export interface PanelWays {
  /** Make code a cell below, and run it: our own code only, on the reader's click. */
  run: (near: HTMLElement, code: string) => boolean;
  aside: NonNullable<PanelDoor["aside"]>;
}

export interface Page extends Partial<PanelWays> {
  insert?: Inserter | undefined;
  /** The labextension draws stored panels, and keeps what is drawn when the kernel renews them. */
  drawsPanels: boolean;
}

export function pageWays(): Page {
  const page = globalThis as { [INSERTER]?: Inserter; [PANEL_WAYS]?: PanelWays };
  return { ...page[PANEL_WAYS], insert: page[INSERTER], drawsPanels: page[PANEL_WAYS] !== undefined };
}
