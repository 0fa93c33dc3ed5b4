/**
 * Tells a kernel that its page draws replies, when a stored one is drawn. A kernel that has once waited in vain, for a cell
 * that was out of sight, then lets the page draw its next reply again.
 */

import { ask } from "../widget/asking.js";
import { ASSETS, type Slot } from "../widget/assets.js";
import type { Kernel } from "../widget/kernel.js";

const PAUSE = 5_000;
const greeted = new WeakMap<Kernel, number>();

/** Greet the kernel of the document that an element is in; a notebook full of replies does it once. */
export function greet(near: HTMLElement, id: string): void {
  const { watchKernel } = (globalThis as unknown as Record<symbol, Slot | undefined>)[ASSETS] ?? {};
  const stop = watchKernel?.(near, (kernel) => {
    if (!kernel || Date.now() - (greeted.get(kernel) ?? 0) < PAUSE) return;
    greeted.set(kernel, Date.now());
    void ask(kernel, { type: "hello", id });
  });
  stop?.();
}
