/** Door 2, JupyterLab and Notebook 7: saved replies drawn by the same view, and the bundle for live ones without a comm. */

import type { Bundle, Slot } from "../widget/assets.js";
import { INSERTER, type Inserter } from "../widget/inserting.js";
import { PANEL_WAYS, type PanelWays } from "../widget/page_ways.js";
import { type Application, inserter, runner } from "./inserting.js";
import { kernelWatcher } from "./kernels.js";
import { loadBundle } from "./loading.js";
import { watchNotebooks } from "./new_cells.js";
import { addSidebarCommand, type SideApplication, sidebar } from "./sidebar.js";

const KEY = Symbol.for("magistral_nb.assets");

interface Plugin {
  id: string;
  description: string;
  autoStart: boolean;
  activate(app: Application & SideApplication): void;
}

/** Tells the page where the bundle is, how code becomes a cell, and which kernel a reply is of. */
const plugin: Plugin = {
  id: "magistral_nb:plugin",
  description: "Draws the replies of magistral_nb",
  autoStart: true,
  activate(app) {
    const page = globalThis as unknown as Record<symbol, Slot> & { [INSERTER]?: Inserter; [PANEL_WAYS]?: PanelWays };
    page[KEY] ??= { bundles: new Map(), heard: new Set() };
    page[KEY].load = { version: __VERSION__, get: (): Promise<Bundle> => loadBundle() };
    page[KEY].watchKernel = kernelWatcher(app.shell);
    page[INSERTER] = inserter(app);
    watchNotebooks(app.shell);
    page[PANEL_WAYS] = { run: runner(app), aside: sidebar(app) };
    addSidebarCommand(app);
    for (const hear of page[KEY].heard) hear();
  },
};

export default plugin;
