/** Draws replies that are stored in a notebook, with the view that drew them live. */

import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import { Widget } from "@lumino/widgets";
import { loadBundle } from "./loading.js";

const MIME = "application/vnd.magistral.reply.v1+json";

class StoredReply extends Widget implements IRenderMime.IRenderer {
  private forget = (): void => {};

  constructor() {
    super();
    this.addClass("magistral-stored");
    void loadBundle(); // meanwhile JupyterLab reads the model
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const { renderStored } = await loadBundle();
    const metadata = model.metadata[MIME] as { id?: unknown } | undefined;
    const id = metadata?.id ?? model.metadata.magistral_id ?? "";
    this.forget();
    this.forget = renderStored(this.node, model.data[MIME], String(id));
  }

  override dispose(): void {
    this.forget();
    super.dispose();
  }
}

const extension: IRenderMime.IExtension = {
  id: "magistral_nb:mime",
  description: "Draws stored replies of magistral_nb",
  rendererFactory: { safe: true, mimeTypes: [MIME], createRenderer: () => new StoredReply() },
  rank: 0,
  dataType: "json",
};

export default extension;
