/** How often to draw: at most 15 times a second, and for a fifth of the time unless one picture takes very long. */

const SHORTEST_PAUSE = 1000 / 15;
const PAUSE_FOR_COST = 4;
/** However long the last picture took: it may have been the first, of much that came at once. */
const LONGEST_PAUSE = 1_500;
const FRAME = 1000 / 60;
/** Two frames pass until a page that has nothing to do shows what was drawn. */
const TWO_FRAMES = 2 * FRAME + 2;
const LONGEST_WAIT = 1_000;

export class Pace {
  private last = Number.NEGATIVE_INFINITY;
  private pause = SHORTEST_PAUSE;
  private isShown = true;
  private waiting: ReturnType<typeof setTimeout> | null = null;

  /** `settle` is called when what was drawn is seen. */
  constructor(
    private readonly draw: () => void,
    private readonly settle: () => void,
  ) {}

  /** Draw soon: what is asked for in the meantime is drawn with it. */
  ask(): void {
    if (this.waiting !== null) return;
    this.waiting = setTimeout(() => {
      this.waiting = null;
      if (this.due() > 0)
        this.ask(); // the last picture turned out to cost more
      else this.now();
    }, this.due());
  }

  now(): void {
    this.cancel();
    const began = performance.now();
    this.draw();
    this.last = performance.now();
    this.pause = pauseFor(this.last - began);
    this.isShown = document.visibilityState === "hidden"; // no frames come then
    const drawn = this.last;
    whenShown(() => {
      if (drawn !== this.last) return; // a page out of sight is told of all its frames when it is seen again
      this.isShown = true;
      const took = Math.min(performance.now() - began - TWO_FRAMES, LONGEST_WAIT);
      this.pause = Math.max(this.pause, pauseFor(took));
      this.settle();
    });
  }

  cancel(): void {
    if (this.waiting !== null) clearTimeout(this.waiting);
    this.waiting = null;
  }

  /** How long until the next picture: not before the last one is seen, if that takes no longer than a second. */
  private due(): number {
    const now = performance.now();
    const shown = this.isShown || now - this.last > LONGEST_WAIT ? now : now + FRAME;
    return Math.max(0, this.last + this.pause - now, shown - now);
  }
}

function pauseFor(cost: number): number {
  return Math.min(LONGEST_PAUSE, Math.max(SHORTEST_PAUSE, PAUSE_FOR_COST * cost));
}

/** Call when the page has laid out, painted and shown what was drawn: that is most of what a long block costs. */
function whenShown(then: () => void): void {
  requestAnimationFrame(() => requestAnimationFrame(then));
}
