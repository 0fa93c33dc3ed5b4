/** Moves a chat panel from its cell to the right side area, and back. It is the same element: it keeps its kernel. */

import { Widget } from "@lumino/widgets";
import { make } from "../view/dom.js";
import { LABELS } from "../view/labels.js";
import { wordButton } from "../view/panel/buttons.js";
import type { PanelWays } from "../widget/page_ways.js";

const COMMAND = "magistral:open-in-sidebar";
const PANEL = ".magistral-panel";

export interface SideApplication {
  shell: {
    add(widget: Widget, area: string, options?: unknown): void;
    activateById(id: string): void;
    readonly currentWidget?: { node: HTMLElement } | null;
  };
  commands: { addCommand?(id: string, options: unknown): unknown };
  contextMenu?: { addItem(options: unknown): unknown };
}

/** Where each panel in a side area came from. */
const homes = new WeakMap<Element, HTMLElement>();
let opened = 0;

/** The element that stands where `near`'s panel belongs: itself, but for a panel in a side area. */
export function homeOf(near: HTMLElement): HTMLElement {
  const panel = near.closest(PANEL);
  return (panel && homes.get(panel)) ?? near;
}

export function sidebar(app: Pick<SideApplication, "shell">): PanelWays["aside"] {
  return (panel, title, home) => {
    const place = panel.parentElement;
    if (!place) return null;
    const page = panel.ownerDocument;
    const button = wordButton(page, LABELS.panel.back, () => side.close());
    const text = make(page, "span", { text: LABELS.panel.isAside });
    const stand = make(page, "div", { class: "magistral magistral-away", children: [text, button] });
    panel.replaceWith(stand);
    homes.set(panel, stand);
    const side = new Side(panel, title, () => {
      homes.delete(panel);
      if (stand.isConnected || stand.parentElement) stand.replaceWith(panel);
      home();
    });
    app.shell.add(side, "right", { rank: 900 });
    app.shell.activateById(side.id);
    return () => side.close();
  };
}

class Side extends Widget {
  constructor(
    panel: HTMLElement,
    title: string,
    private readonly home: () => void,
  ) {
    super();
    opened += 1;
    this.id = `magistral-sidebar-${opened}`;
    this.addClass("magistral-sidebar");
    this.title.label = LABELS.panel.name;
    this.title.caption = title;
    this.title.closable = true;
    this.node.append(panel);
  }

  override dispose(): void {
    if (this.isDisposed) return;
    this.home();
    super.dispose();
  }

  protected override onCloseRequest(): void {
    this.dispose();
  }
}

/** A command for the menu of a panel, and for whoever binds keys: the panel of the notebook in front. */
export function addSidebarCommand(app: SideApplication): void {
  app.commands.addCommand?.(COMMAND, {
    label: `Magistral: ${LABELS.panel.aside}`,
    execute: () => {
      const panels = app.shell.currentWidget?.node.querySelectorAll(PANEL) ?? [];
      const active = [...panels].find((panel) => panel.closest(".jp-mod-active")) ?? panels[0];
      active?.querySelector<HTMLElement>(".magistral-to-side")?.click();
    },
  });
  app.contextMenu?.addItem({ command: COMMAND, selector: PANEL, rank: 0 });
}
