/** Makes code a cell below the one that shows it. Never runs it: the reader does, after reading. */

import type { Inserter } from "../widget/inserting.js";

// What is used of JupyterLab, by shape: its packages would be a large dependency for four names.
export interface Application {
  commands: { execute(command: string): Promise<unknown> };
  shell: { widgets(area: string): Iterable<Panel>; activateById(id: string): void };
}

interface Cell {
  node: HTMLElement;
  model?: { sharedModel?: { setSource(code: string): void } };
}

interface Panel {
  id: string;
  node: HTMLElement;
  content?: { widgets?: readonly Cell[]; activeCellIndex?: number; activeCell?: Cell | null };
}

export function inserter(app: Application): Inserter {
  return (near, { code }) => {
    const panel = [...app.shell.widgets("main")].find((one) => one.node.contains(near));
    const index = panel?.content?.widgets?.findIndex((cell) => cell.node.contains(near)) ?? -1;
    if (!panel?.content || index === -1) return false;
    void insertBelow(app, panel, index, code);
    return true;
  };
}

async function insertBelow(app: Application, panel: Panel, index: number, code: string): Promise<void> {
  const { content } = panel;
  if (!content) return;
  app.shell.activateById(panel.id);
  content.activeCellIndex = index;
  await app.commands.execute("notebook:insert-cell-below");
  content.activeCell?.model?.sharedModel?.setSource(code);
}
