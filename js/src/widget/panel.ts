/** Draws chat panels: those of a widget's model, and those that a notebook holds. */

import { readTurns, type Settings, type StoredPanel } from "../core/panel_protocol.js";
import { PanelState } from "../core/panel_state.js";
import { LABELS } from "../view/labels.js";
import { type PanelDoor, Refusal } from "../view/panel/door.js";
import { PanelView } from "../view/panel/panel.js";
import { addStyle } from "../view/style.js";
import { hideSoFar } from "./hiding.js";
import { listenForInserts } from "./inserting.js";
import { pageWays } from "./page_ways.js";
import { type PanelModel, PanelStore } from "./panel_store.js";
import { resumeLine } from "./resuming.js";

const stores = new WeakMap<object, PanelStore>();

/** Draw the panel of a widget's model into an element; returns what takes it away again. */
export function renderPanel(host: HTMLElement, model: PanelModel): () => void {
  let store = stores.get(model);
  if (!store) {
    store = new PanelStore(model);
    stores.set(model, store);
  }
  return draw(host, store);
}

/** Draw what a notebook holds of a panel. */
export function renderStoredPanel(host: HTMLElement, data: unknown): () => void {
  return draw(host, storedDoor((data ?? {}) as Partial<StoredPanel>));
}

function draw(host: HTMLElement, door: PanelDoor): () => void {
  addStyle(host);
  host.classList.add("magistral-panel-host");
  const view = new PanelView(host, door);
  const forget = listenForInserts(view.element);
  const show = hideSoFar(host, door.id);
  return () => {
    forget();
    show();
    view.destroy();
  };
}

/** A door to nobody: it can be read, and gone on with. */
function storedDoor(stored: Partial<StoredPanel>): PanelDoor {
  const state = new PanelState();
  state.turns = readTurns(stored.turns);
  const page = pageWays();
  const settings = (stored.settings as Settings | undefined) ?? null;
  const line = (): string => resumeLine(stored);
  return {
    id: String(stored.panel_id ?? ""),
    state,
    facts: () => ({
      busy: false,
      disabled: false,
      settings,
      choices: null,
      meter: null,
      welcome: null,
      connection: "stored",
    }),
    onFacts: () => () => {},
    wish: () => Promise.reject(new Refusal(LABELS.panel.stored)),
    stop: () => {},
    resumeLine: line,
    resume: (near) => page.run?.(near, line()) ?? false,
    canInsert: page.insert !== undefined,
  };
}
