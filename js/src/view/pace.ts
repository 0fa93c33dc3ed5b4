/** How often to draw: at most 15 times a second, and never for more than a fifth of the time. */

const SHORTEST_PAUSE = 1000 / 15;
const PAUSE_FOR_COST = 4;

export class Pace {
  private last = Number.NEGATIVE_INFINITY;
  private pause = SHORTEST_PAUSE;
  private waiting: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly draw: () => void) {}

  /** Draw soon: what is asked for in the meantime is drawn with it. */
  ask(): void {
    if (this.waiting !== null) return;
    const due = this.last + this.pause - performance.now();
    this.waiting = setTimeout(() => this.now(), Math.max(0, due));
  }

  now(): void {
    this.cancel();
    const began = performance.now();
    this.draw();
    this.last = performance.now();
    this.pause = Math.max(SHORTEST_PAUSE, PAUSE_FOR_COST * (this.last - began));
  }

  cancel(): void {
    if (this.waiting !== null) clearTimeout(this.waiting);
    this.waiting = null;
  }
}
