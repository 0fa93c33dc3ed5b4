/** Makes code a cell below the one that shows it. Never runs a model's code: the reader does, after reading. */

import type { Inserter } from "../widget/inserting.js";
import { homeOf } from "./sidebar.js";

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
  return (near, detail) => {
    const codes = [detail].flat().map(({ code }) => code);
    const place = placeOf(app, near);
    if (place) void insertBelow(app, place, codes);
    return place !== null;
  };
}

/** Makes a line of our own a cell below, and runs it. For what the reader has clicked, never for a model's code. */
export function runner(app: Application): (near: HTMLElement, code: string) => boolean {
  return (near, code) => {
    const place = placeOf(app, near);
    if (place) void insertBelow(app, place, [code]).then(() => app.commands.execute("notebook:run-cell"));
    return place !== null;
  };
}

interface Place {
  id: string;
  content: NonNullable<Panel["content"]>;
  index: number;
}

function placeOf(app: Application, near: HTMLElement): Place | null {
  const home = homeOf(near);
  const panel = [...app.shell.widgets("main")].find((one) => one.node.contains(home));
  const index = panel?.content?.widgets?.findIndex((cell) => cell.node.contains(home)) ?? -1;
  return panel?.content && index !== -1 ? { id: panel.id, content: panel.content, index } : null;
}

async function insertBelow(app: Application, { id, content, index }: Place, codes: readonly string[]): Promise<void> {
  app.shell.activateById(id);
  content.activeCellIndex = index;
  for (const code of codes) {
    await app.commands.execute("notebook:insert-cell-below"); // and the new cell is the active one
    content.activeCell?.model?.sharedModel?.setSource(code);
  }
}
