/** A panel as its view hears it, without a widget: a page that was loaded while a cell runs gets none until it ends. */

import type { PanelMessage } from "../core/panel_protocol.js";
import { ask } from "../widget/asking.js";
import type { Kernel, WireMessage } from "../widget/kernel.js";
import type { PanelModel } from "../widget/panel_store.js";

type Hear = (...args: never[]) => void;
type Data = { method?: string; content?: PanelMessage; state?: Record<string, unknown> };

export class PanelKernelModel implements PanelModel {
  magistral: PanelMessage[] | undefined = [];
  private traits: Record<string, unknown>;
  private readonly heard = new Map<string, Set<Hear>>();

  constructor(
    readonly kernel: Kernel,
    private readonly id: string,
    private readonly comm: string,
  ) {
    this.traits = { panel_id: id };
    kernel.anyMessage?.connect(this.hearAny);
  }

  /** Ask how the panel stands; false if the kernel does not know it. */
  async follow(): Promise<boolean> {
    const answer = await ask(this.kernel, { type: "state", id: this.id });
    if (!answer || typeof answer !== "object" || !("messages" in answer)) return false;
    this.traits = { ...this.traits, ...answer };
    return true;
  }

  get(name: string): unknown {
    return this.traits[name];
  }

  on(name: string, hear: Hear): void {
    this.heard.set(name, (this.heard.get(name) ?? new Set()).add(hear));
  }

  off(name: string, hear: Hear): void {
    this.heard.get(name)?.delete(hear);
  }

  /** There is no widget that would hear it; the store says it on the control channel, too. */
  send(): void {}

  forget(): void {
    this.kernel.anyMessage?.disconnect(this.hearAny);
  }

  private readonly hearAny = (_: unknown, { msg, direction }: { msg: WireMessage; direction: string }): void => {
    const kind = msg.header.msg_type;
    if (direction !== "recv" || !(kind === "comm_msg" || kind === "comm_close")) return;
    const { comm_id, data } = msg.content as { comm_id?: string; data?: Data };
    if (comm_id !== this.comm) return;
    if (kind === "comm_close") this.changed("destroy");
    if (!data) return;
    if (data.method === "custom" && data.content) this.hear(data.content);
    if (data.method === "update") this.update(data.state ?? {});
  };

  private hear(message: PanelMessage): void {
    this.magistral?.push(message);
    for (const hear of this.heard.get("msg:custom") ?? []) (hear as (message: PanelMessage) => void)(message);
  }

  private update(state: Record<string, unknown>): void {
    Object.assign(this.traits, state);
    for (const name of Object.keys(state)) this.changed(`change:${name}`);
  }

  private changed(what: string): void {
    for (const hear of this.heard.get(what) ?? []) (hear as () => void)();
  }
}
