/** What a panel's view asks for; whoever shows it knows a kernel and can do it. */

import type { Choices, Meter, Settings, Welcome } from "../../core/panel_protocol.js";
import type { PanelState } from "../../core/panel_state.js";

/** What the reader wants, but for Stop: each is answered once, or refused with a `Refusal`. */
export type Wish =
  | { type: "ask"; text: string }
  | { type: "edit"; turn: number; text: string }
  | { type: "regenerate" | "continue" | "delete" | "restore"; turn: number }
  | { type: "branch"; turn: number; at: number }
  | { type: "set"; values: Partial<Settings> }
  | { type: "prompt"; text: string }
  | { type: "export"; format: ExportFormat }
  | { type: "clear" | "models" };

export type ExportFormat = "notebook" | "markdown" | "html" | "json";

/** The kernel said no, and why. */
export class Refusal extends Error {
  constructor(
    message: string,
    readonly hint = "",
  ) {
    super(message);
  }
}

/**
 * `there`: all is well. `away`: no connection. `lost`: the kernel ended. `closed`: the notebook's code closed the panel.
 * `stored`: there never was a kernel here.
 */
export type Connection = "there" | "away" | "lost" | "closed" | "stored";

export interface PanelFacts {
  busy: boolean;
  disabled: boolean;
  settings: Settings | null;
  choices: Choices | null;
  meter: Meter | null;
  welcome: Welcome | null;
  connection: Connection;
}

export interface PanelDoor {
  readonly id: string;
  readonly state: PanelState;
  facts(): PanelFacts;
  /** Call when the facts change; returns what ends it. */
  onFacts(hear: () => void): () => void;
  wish(wish: Wish): Promise<unknown>;
  stop(): void;
  /** The line that goes on with this chat in a new kernel. */
  resumeLine(): string;
  /** Run that line in a new cell; false where the page cannot. */
  resume(near: HTMLElement): boolean;
  /** Move the panel to a side area, and call `home` when it comes back; null where the page has none. */
  aside?: ((panel: HTMLElement, title: string, home: () => void) => (() => void) | null) | undefined;
  canInsert: boolean;
}
