/** Draws turns when they come near to what is seen, and keeps only so many drawn. */

import type { TurnView } from "./turn.js";

/** In heights of the log, above and below. */
const NEAR = "120%";
const MOST_DRAWN = 24;

export class Nearness {
  private readonly watcher: IntersectionObserver | null;
  private readonly views = new Map<Element, TurnView>();
  private readonly near = new Set<TurnView>();
  /** Drawn turns that are far, the one that was left first at the beginning. */
  private readonly left = new Set<TurnView>();

  constructor(log: HTMLElement) {
    const Watcher = globalThis.IntersectionObserver;
    const options = { root: log, rootMargin: `${NEAR} 0px` };
    this.watcher = Watcher ? new Watcher((entries) => this.look(entries), options) : null;
  }

  watch(view: TurnView): void {
    this.views.set(view.element, view);
    if (this.watcher) this.watcher.observe(view.element);
    else view.draw(); // a page that cannot tell what is near
  }

  forget(view: TurnView): void {
    this.views.delete(view.element);
    this.near.delete(view);
    this.left.delete(view);
    this.watcher?.unobserve(view.element);
  }

  stop(): void {
    this.watcher?.disconnect();
  }

  private look(entries: IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const view = this.views.get(target);
      if (!view) continue;
      if (isIntersecting) this.come(view);
      else if (this.near.delete(view) && view.isDrawn) this.left.add(view);
    }
    this.clear();
  }

  private come(view: TurnView): void {
    this.near.add(view);
    this.left.delete(view);
    view.draw();
  }

  private clear(): void {
    const focused = document.activeElement;
    for (const view of this.left) {
      if (this.near.size + this.left.size <= MOST_DRAWN) return;
      if (view.isLive || view.question.isEdited || view.element.contains(focused) || isSelected(view.element)) continue;
      this.left.delete(view);
      view.undraw();
    }
  }
}

/** Whoever marks a long part of the conversation to copy it keeps what is marked. */
function isSelected(element: Element): boolean {
  const selection = globalThis.getSelection?.();
  return Boolean(selection && !selection.isCollapsed && selection.containsNode(element, true));
}
