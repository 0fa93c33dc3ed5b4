/** What the reader folded and opened, by reply: it outlasts the change from the live view to the saved one. */

const KEY = Symbol.for("magistral_nb.folds");
const MOST_KEPT = 500;

export function recallFold(id: string): boolean | undefined {
  return id ? folds().get(id) : undefined;
}

export function rememberFold(id: string, isOpen: boolean): void {
  if (!id) return;
  const all = folds();
  all.set(id, isOpen);
  if (all.size > MOST_KEPT) all.delete(all.keys().next().value as string);
}

function folds(): Map<string, boolean> {
  const page = globalThis as { [KEY]?: Map<string, boolean> };
  page[KEY] ??= new Map();
  return page[KEY];
}
