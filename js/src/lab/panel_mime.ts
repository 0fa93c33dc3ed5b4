/** Draws chat panels that are stored in a notebook: live while their kernel has them, else what was said. */

import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import type { Message as LuminoMessage } from "@lumino/messaging";
import { Widget } from "@lumino/widgets";
import { PANEL_MIME, readTurns } from "../core/panel_protocol.js";
import { plain } from "../core/text.js";
import { TURNS_EVENT, type TurnsDetail } from "../view/panel/turns_event.js";
import { ask } from "../widget/asking.js";
import { ASSETS, type Bundle, type ReplyModel, type Slot } from "../widget/assets.js";
import type { Kernel } from "../widget/kernel.js";
import { loadBundle } from "./loading.js";
import { PanelKernelModel } from "./panel_model.js";

/** So long the kernel may take to renew what is saved, in milliseconds: a page that was loaded anew it does not reach. */
const RENEWED_WITHIN = 3_000;
/** So long it may take to say what it would keep. */
const SAID_WITHIN = 2_000;
/** So long a widget is waited for before a kernel is asked that may be busy. */
const ASK_AFTER = 1_500;
/** So long a widget is waited for before what is stored is shown, in milliseconds. */
const WIDGET_WITHIN = 300;

interface Beside {
  id?: unknown;
  live?: { version: string; comm: string };
}

const slot = (): Slot => {
  const page = globalThis as unknown as Record<symbol, Slot>;
  page[ASSETS] ??= { bundles: new Map(), heard: new Set() };
  return page[ASSETS];
};

export class StoredPanel extends Widget implements IRenderMime.IRenderer {
  private forget = (): void => {};
  private drawn: ReplyModel | null = null;
  private panelId = "";
  private kept: unknown = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private live: Beside["live"];
  private stopWatching: (() => void) | null = null;
  private asked: PanelKernelModel | null = null;
  private keeping: ReturnType<typeof setTimeout> | undefined;
  private model: IRenderMime.IMimeModel | null = null;
  private kernel: Kernel | null = null;

  constructor() {
    super();
    this.addClass("magistral-stored");
    this.node.addEventListener(TURNS_EVENT, (event) => this.keepSoon((event as CustomEvent<TurnsDetail>).detail));
    void loadBundle(); // meanwhile JupyterLab reads the model
  }

  /** Also called each time the kernel renews what a saved notebook would hold: a live panel is not drawn anew. */
  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const beside = (model.metadata[PANEL_MIME] ?? {}) as Beside;
    const data = model.data[PANEL_MIME] as { panel_id?: unknown } | undefined;
    this.panelId = String(beside.id ?? data?.panel_id ?? "");
    this.kept = data;
    this.live = beside.live;
    this.model = model;
    clearTimeout(this.keeping);
    if (beside.live) slot().heard.add(this.lookForModel);
    if (this.lookForModel()) return;
    clearTimeout(this.timer);
    if (!beside.live) await this.drawStored();
    else this.timer = setTimeout(() => void this.drawStored(), WIDGET_WITHIN);
  }

  protected override onAfterAttach(message: LuminoMessage): void {
    super.onAfterAttach(message);
    this.stopWatching ??= slot().watchKernel?.(this.node, (kernel) => this.use(kernel)) ?? null;
  }

  override dispose(): void {
    if (!this.isDisposed) {
      clearTimeout(this.timer);
      clearTimeout(this.keeping);
      slot().heard.delete(this.lookForModel);
      this.stopWatching?.();
      this.asked?.forget();
      this.forget();
    }
    super.dispose();
  }

  private use(kernel: Kernel | null): void {
    this.kernel = kernel;
    if (kernel) this.askLater(kernel);
  }

  /** A kernel that is busy tells of its panels on the control channel only. */
  private askLater(kernel: Kernel): void {
    setTimeout(async () => {
      const { live } = this;
      if (!live || live.version !== __VERSION__ || this.drawn || this.isDisposed) return;
      const model = new PanelKernelModel(kernel, this.panelId, live.comm);
      this.asked?.forget();
      this.asked = model;
      const isKnown = await model.follow();
      if (!isKnown || this.drawn || this.isDisposed) {
        model.forget();
        return;
      }
      const bundle = (await loadBundle()) as Bundle;
      if (this.drawn) return;
      this.drawn = model;
      slot().heard.delete(this.lookForModel); // this one is as good as the widget's
      this.drawLive(bundle, model);
    }, ASK_AFTER);
  }

  /** Draw the widget's model if the page has it; returns whether it has. Called again when a model or bundle comes. */
  private readonly lookForModel = (): boolean => {
    const { models, bundles, load } = slot();
    if (this.drawn && this.drawn === this.asked) return true;
    const model = models?.get(this.panelId);
    if (!model) return false;
    if (model === this.drawn) return true;
    const version = String(model.get("version"));
    const bundle = bundles.get(version) ?? (load?.version === version ? load.get() : undefined);
    if (!bundle) return false;
    this.drawn = model;
    void bundle.then((found) => this.drawLive(found, model));
    return true;
  };

  private drawLive(bundle: Bundle, model: ReplyModel): void {
    if (this.isDisposed || model !== this.drawn) return;
    clearTimeout(this.timer);
    this.clear();
    this.forget = bundle.renderPanel(this.node, model);
  }

  private async drawStored(): Promise<void> {
    const { kept: data } = this;
    const { renderStoredPanel } = await loadBundle();
    if (this.isDisposed || this.drawn || data !== this.kept) return;
    this.clear();
    this.forget = renderStoredPanel(this.node, data);
  }

  /** Keep what was said in the notebook, unless the kernel does it. */
  private keepSoon({ turns }: TurnsDetail): void {
    clearTimeout(this.keeping);
    const before = this.kept as { turns?: unknown } | undefined;
    if (!this.drawn || JSON.stringify(readTurns(before?.turns)) === JSON.stringify(turns)) return;
    this.keeping = setTimeout(async () => {
      const data = (await this.askWhatToKeep()) ?? { [PANEL_MIME]: { ...before, turns }, "text/plain": asText(turns) };
      const { model } = this;
      if (this.isDisposed || !model) return;
      model.setData({ data: data as IRenderMime.IMimeModel["data"], metadata: { ...model.metadata } });
    }, RENEWED_WITHIN);
  }

  /** The bundle that the kernel would have renewed the output with, or null if it does not say so soon. */
  private async askWhatToKeep(): Promise<object | null> {
    const { kernel } = this;
    if (!kernel) return null;
    const silence = new Promise<null>((resolve) => setTimeout(() => resolve(null), SAID_WITHIN));
    const told = await Promise.race([ask(kernel, { type: "kept", id: this.panelId }), silence]);
    return told && typeof told === "object" && PANEL_MIME in told ? told : null;
  }

  private clear(): void {
    this.forget();
    this.node.replaceChildren();
  }
}

function asText(turns: TurnsDetail["turns"]): string {
  return plain(turns.map(({ text, reply }) => `You: ${text}\n\nModel: ${reply?.answer ?? ""}`).join("\n\n"));
}
