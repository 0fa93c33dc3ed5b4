/** Draws replies that are stored in a notebook with the view that drew them live, and those that are not finished yet. */

import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import type { Message as LuminoMessage } from "@lumino/messaging";
import { Widget } from "@lumino/widgets";
import { PANEL_MIME } from "../core/panel_protocol.js";
import { greet } from "./greeting.js";
import { LiveReply } from "./live.js";
import type { Live } from "./live_model.js";
import { loadBundle } from "./loading.js";
import { StoredPanel } from "./panel_mime.js";

const MIME = "application/vnd.magistral.reply.v1+json";

interface Beside {
  id?: unknown;
  /** Only while the reply is not finished. */
  live?: Omit<Live, "id">;
}

class StoredReply extends Widget implements IRenderMime.IRenderer {
  private forget = (): void => {};
  private live: LiveReply | null = null;
  private model: IRenderMime.IMimeModel | null = null;

  constructor() {
    super();
    this.addClass("magistral-stored");
    void loadBundle(); // meanwhile JupyterLab reads the model
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this.model = model;
    const beside = (model.metadata[MIME] ?? {}) as Beside;
    const id = String(beside.id ?? model.metadata.magistral_id ?? "");
    if (beside.live && id) this.renderLive(model, { ...beside.live, id });
    else await this.renderFinal(model, id);
  }

  /** Also called each time the kernel renews what a saved notebook would hold: then nothing is drawn anew. */
  private renderLive(model: IRenderMime.IMimeModel, live: Live): void {
    if (this.live?.id !== live.id) {
      this.clear();
      this.live = new LiveReply(this.node, live, (picture) => this.keep(picture, live.id));
      if (this.isAttached) this.live.attached();
    }
    this.live.soFar(String(model.data["text/plain"] ?? ""));
  }

  private async renderFinal(model: IRenderMime.IMimeModel, id: string): Promise<void> {
    const { renderStored } = await loadBundle();
    if (this.isDisposed || model !== this.model) return;
    this.clear();
    this.forget = renderStored(this.node, model.data[MIME], id);
    if (this.isAttached) greet(this.node, id);
  }

  /** The page draws the new data itself: by this renderer, or by another if they are of another type. */
  private keep(data: Record<string, unknown>, id: string): void {
    this.model?.setData({ data: data as IRenderMime.IMimeModel["data"], metadata: { [MIME]: { id } } });
  }

  private clear(): void {
    this.live?.dispose();
    this.live = null;
    this.forget();
    this.forget = () => {};
    this.node.replaceChildren();
  }

  protected override onAfterAttach(message: LuminoMessage): void {
    super.onAfterAttach(message);
    this.live?.attached();
  }

  override dispose(): void {
    if (!this.isDisposed) this.clear();
    super.dispose();
  }
}

// Widgets have the rank -10. What is stored beside one is drawn by us, with or without its kernel.
const RANK = -20;

const extensions: IRenderMime.IExtension[] = [
  {
    id: "magistral_nb:mime",
    description: "Draws stored replies of magistral_nb",
    rendererFactory: { safe: true, mimeTypes: [MIME], createRenderer: () => new StoredReply() },
    rank: RANK,
    dataType: "json",
  },
  {
    id: "magistral_nb:panel",
    description: "Draws stored chat panels of magistral_nb",
    rendererFactory: { safe: true, mimeTypes: [PANEL_MIME], createRenderer: () => new StoredPanel() },
    rank: RANK,
    dataType: "json",
  },
];

export default extensions;
