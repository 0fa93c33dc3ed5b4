/** Follows an end that moves away, but only while the reader is there. */

const NEAR = 28;

/** Keeps a box at its end. Whoever scrolls up is left alone, until they come back to the end. */
export class BoxFollower {
  private isThere = true;

  constructor(private readonly box: HTMLElement) {
    box.addEventListener("scroll", () => this.look(), { passive: true });
  }

  follow(): void {
    if (this.isThere) this.box.scrollTop = this.box.scrollHeight;
    this.mark();
  }

  private look(): void {
    this.isThere = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < NEAR;
    this.mark();
  }

  /** The edges at which there is more to read are drawn as fading out. */
  private mark(): void {
    this.box.classList.toggle("magistral-more-above", this.box.scrollTop > 4);
  }
}

/** Keeps the end of a reply in sight while it grows, if it was in sight before. */
export class PageFollower {
  private below = 0;
  private scroller: HTMLElement | null = null;

  constructor(private readonly reply: HTMLElement) {}

  /** Look, before something is drawn. */
  before(): void {
    this.scroller = scrollerOf(this.reply);
    this.below = this.scroller ? distanceBelow(this.reply, this.scroller) : 1;
  }

  /** Follow, after something was drawn. */
  after(): void {
    if (!this.scroller || this.below > NEAR) return;
    const below = distanceBelow(this.reply, this.scroller);
    if (below > 0) this.scroller.scrollTop += below;
  }
}

/** How far the end of the reply lies below what can be seen: none or less if it is in sight. */
function distanceBelow(reply: HTMLElement, scroller: HTMLElement): number {
  const isPage = scroller === reply.ownerDocument.scrollingElement;
  const bottom = isPage ? scroller.clientHeight : scroller.getBoundingClientRect().top + scroller.clientHeight;
  return reply.getBoundingClientRect().bottom - bottom + 8;
}

function scrollerOf(reply: HTMLElement): HTMLElement | null {
  const page = reply.ownerDocument;
  for (let at = reply.parentElement; at && at !== page.body; at = at.parentElement) {
    const { overflowY } = getComputedStyle(at);
    if ((overflowY === "auto" || overflowY === "scroll") && at.scrollHeight > at.clientHeight + 1) return at;
  }
  return page.scrollingElement as HTMLElement | null;
}
