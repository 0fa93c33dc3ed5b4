/** How long a request has lasted, between the events that say so. */

export class Clock {
  private at = 0;
  private since = performance.now();
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor(private readonly tick: () => void) {}

  start(): void {
    this.timer ??= setInterval(this.tick, 1_000);
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  /** Hear that an event came `at` seconds into the request. */
  hear(at: number): void {
    if (at < this.now()) return;
    this.at = at;
    this.since = performance.now();
  }

  now(): number {
    return this.at + (performance.now() - this.since) / 1_000;
  }
}
