/** Finds the kernel of the notebook or console that an element is in. */

import type { WatchKernel } from "../widget/assets.js";
import type { Kernel, Signal } from "../widget/kernel.js";

interface Context {
  session?: { kernel?: Kernel | null } | null;
  kernelChanged?: Signal<unknown>;
}

interface Panel {
  node: HTMLElement;
  sessionContext?: Context;
}

export interface Shell {
  widgets(area: string): Iterable<unknown>;
}

const AREAS = ["main", "down", "right", "left"];

export function kernelWatcher(shell: Shell): WatchKernel {
  return (near, hear) => {
    const panels = AREAS.flatMap((area) => [...widgets(shell, area)]);
    const context = panels.find((panel) => panel.sessionContext && panel.node.contains(near))?.sessionContext;
    if (!context) return null;
    const look = (): void => hear(context.session?.kernel ?? null);
    context.kernelChanged?.connect(look);
    look();
    return () => context.kernelChanged?.disconnect(look);
  };
}

/** Not every application has every area. */
function widgets(shell: Shell, area: string): Iterable<Panel> {
  try {
    return shell.widgets(area) as Iterable<Panel>;
  } catch {
    return [];
  }
}
