/** Keys pressed in a panel are the panel's. The notebook would take D, D for "delete the cell". */

/**
 * JupyterLab passes by what is inside `data-lm-suppress-shortcuts`; the notebook and other front ends do not hear what
 * goes no further. Events still reach everything inside, for this listens on the way up.
 */
export function keepKeysIn(panel: HTMLElement, stop: () => void): void {
  for (const name of ["keydown", "keyup", "keypress"] as const) {
    panel.addEventListener(name, (event) => {
      event.stopPropagation();
      if (name === "keydown" && event.key === "Escape" && !event.isComposing && !event.defaultPrevented) stop();
    });
  }
}
