/** One chat panel of a page: what its kernel says, for as many views as show it. */

import type { Choices, Meter, PanelMessage, Settings, Welcome } from "../core/panel_protocol.js";
import { PanelState } from "../core/panel_state.js";
import { LABELS } from "../view/labels.js";
import type { Connection, PanelDoor, PanelFacts, Wish } from "../view/panel/door.js";
import type { ReplyModel } from "./assets.js";
import { kernelOf, whenConnected, whenLost } from "./kernel.js";
import { type Page, pageWays } from "./page_ways.js";
import { PanelWishes } from "./panel_wishes.js";
import { resumeLine } from "./resuming.js";

const TRAITS = ["busy", "disabled", "settings", "choices", "meter", "welcome"] as const;

/** The model, with what was heard before somebody drew it. */
export type PanelModel = Omit<ReplyModel, "magistral"> & { magistral?: PanelMessage[] | undefined };

export class PanelStore implements PanelDoor {
  readonly id: string;
  readonly state: PanelState;
  private connection: Connection = "there";
  private readonly heard = new Set<() => void>();
  private readonly wishes: PanelWishes;
  private readonly page: Page;

  constructor(private readonly model: PanelModel) {
    this.id = String(model.get("panel_id") ?? "");
    this.page = pageWays();
    this.wishes = new PanelWishes(model, this.id);
    this.state = new PanelState((from) => this.wishes.tell({ type: "whole", from }));
    this.state.start(model.get("messages"), model.get("live"));
    const gathered = model.magistral ?? [];
    model.magistral = undefined; // from now on nothing needs to be gathered
    for (const message of gathered) this.hear(message);
    model.on("msg:custom", (message: PanelMessage) => this.hear(message));
    for (const name of TRAITS) model.on(`change:${name}`, () => this.changed());
    model.on("destroy", () => this.end("closed", LABELS.panel.closed));
    this.watchKernel();
    this.hello();
  }

  get canInsert(): boolean {
    return this.page.insert !== undefined;
  }

  get aside(): PanelDoor["aside"] {
    return this.page.aside;
  }

  facts(): PanelFacts {
    const { model, connection } = this;
    return {
      busy: !this.hasEnded && model.get("busy") === true,
      disabled: model.get("disabled") === true,
      settings: (model.get("settings") as Settings | null) ?? null,
      choices: (model.get("choices") as Choices | null) ?? null,
      meter: (model.get("meter") as Meter | null) ?? null,
      welcome: (model.get("welcome") as Welcome | null) ?? null,
      connection,
    };
  }

  onFacts(hear: () => void): () => void {
    this.heard.add(hear);
    return () => this.heard.delete(hear);
  }

  wish(wish: Wish): Promise<unknown> {
    return this.wishes.send(wish);
  }

  stop(): void {
    this.wishes.tell({ type: "stop" });
  }

  resumeLine(): string {
    return resumeLine({ turns: this.state.turns, settings: this.facts().settings ?? {} });
  }

  resume(near: HTMLElement): boolean {
    return this.page.run?.(near, this.resumeLine()) ?? false;
  }

  private hello(): void {
    this.wishes.tell({ type: "hello", follow: this.page.drawsPanels });
  }

  private hear(message: PanelMessage): void {
    if (message.type === "result") this.wishes.answered(message.op, message.data, message.error);
    else this.state.add(message);
  }

  private watchKernel(): void {
    const kernel = kernelOf(this.model);
    const forget = whenConnected(kernel, (isConnected) => {
      if (this.hasEnded) return;
      this.connection = isConnected ? "there" : "away";
      if (isConnected) {
        this.hello();
        this.wishes.tell({ type: "whole", from: 0 }); // what was said meanwhile was missed
      }
      this.changed();
    });
    whenLost(kernel, () => {
      forget();
      this.end("lost", LABELS.panel.lost);
    });
  }

  private get hasEnded(): boolean {
    return this.connection === "lost" || this.connection === "closed";
  }

  private end(how: "lost" | "closed", why: string): void {
    if (this.hasEnded) return;
    this.connection = how;
    this.wishes.refuseAll(why);
    this.state.lose();
    this.changed();
  }

  private changed(): void {
    for (const hear of [...this.heard]) hear();
  }
}
