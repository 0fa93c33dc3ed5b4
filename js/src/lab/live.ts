/** Draws a reply that the notebook holds only a part of: live if its kernel knows it, else the part that there is. */

import type { Bundle, Message, ReplyModel, Slot } from "../widget/assets.js";
import { ASSETS } from "../widget/assets.js";
import type { Kernel } from "../widget/kernel.js";
import { type Live, LiveModel } from "./live_model.js";
import { loadBundle } from "./loading.js";

/** So long the kernel may take to answer before what the notebook holds is shown, in milliseconds. */
const ANSWER_WITHIN = 250;
/** So long a kernel without an answer is waited for, until the widget is looked for that it has made. */
const BORROW_AFTER = 2_000;
/** So long the kernel's own final picture may take after the last word. A page loaded in mid-stream gets none. */
const PICTURE_WITHIN = 1_000;

const slot = (): Slot => {
  const page = globalThis as unknown as Record<symbol, Slot>;
  page[ASSETS] ??= { bundles: new Map(), heard: new Set() };
  return page[ASSETS];
};

export class LiveReply {
  private text = "";
  private model: LiveModel | null = null;
  private isLive = false;
  private isGone = false;
  private isAsking = false;
  private stopWatching: (() => void) | null = null;
  private forgetView = (): void => {};
  private readonly timers: ReturnType<typeof setTimeout>[] = [];

  /** `keep` puts the final picture into the notebook. */
  constructor(
    private readonly host: HTMLElement,
    private readonly live: Live,
    private readonly keep: (picture: Record<string, unknown>) => void,
  ) {
    this.after(ANSWER_WITHIN, () => this.drawSoFar());
  }

  get id(): string {
    return this.live.id;
  }

  /** Take in what the notebook holds; it is shown only where nothing better is. */
  soFar(text: string): void {
    this.text = text;
  }

  /** The host is in the page now, so its kernel can be found. */
  attached(): void {
    this.stopWatching ??= slot().watchKernel?.(this.host, (kernel) => this.use(kernel)) ?? null;
    if (!this.stopWatching) this.borrow();
  }

  dispose(): void {
    this.isGone = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.stopWatching?.();
    this.model?.forget();
    slot().heard.delete(this.lookForModel);
    this.forgetView();
  }

  private use(kernel: Kernel | null): void {
    if (!kernel || kernel === this.model?.kernel || this.isLive) return;
    this.model?.forget();
    this.model = null;
    if (this.live.version !== __VERSION__) {
      this.borrow(); // the kernel's own version of the view knows what it says
      return;
    }
    const model = new LiveModel(kernel, this.live);
    this.model = model;
    this.after(BORROW_AFTER, () => this.borrow());
    void this.follow(model);
  }

  private async follow(model: LiveModel): Promise<void> {
    const answer = await model.follow();
    if (this.isGone || model !== this.model || !answer) return;
    if (!answer.live) {
      this.keep(answer.picture ?? {});
      return;
    }
    const bundle = await loadBundle();
    if (this.isGone || this.isLive) return;
    model.on("msg:custom", (message: Message) => this.watchEnd(model, message));
    for (const message of model.magistral) this.watchEnd(model, message);
    this.draw(bundle, model);
    model.drawn();
  }

  private draw(bundle: Bundle, model: ReplyModel): void {
    this.isLive = true;
    this.forgetView();
    this.host.replaceChildren();
    this.forgetView = bundle.renderReply(this.host, model);
  }

  /** The display of a page that was loaded in mid-stream is not the one that the kernel replaces at the end. */
  private watchEnd(model: LiveModel, message: Message): void {
    const isOver =
      message.type === "reply"
        ? !message.live
        : message.type === "events" && message.events.some(({ type }) => type === "done" || type === "failed");
    if (!isOver || this.isAsking) return;
    this.isAsking = true;
    this.after(PICTURE_WITHIN, async () => {
      const answer = await model.follow();
      if (!this.isGone && answer?.picture) this.keep(answer.picture);
    });
  }

  /** Take the model of the widget that nobody draws, where the kernel cannot be asked or is of another version. */
  private borrow(): void {
    if (this.isLive || this.isGone) return;
    slot().heard.add(this.lookForModel);
    this.lookForModel();
  }

  private readonly lookForModel = (): void => {
    const { models, bundles, load } = slot();
    const model = models?.get(this.live.id);
    const { version } = this.live;
    const bundle = bundles.get(version) ?? (load?.version === version ? load.get() : undefined);
    if (!model || !bundle) return;
    slot().heard.delete(this.lookForModel);
    void bundle.then((found) => {
      if (!this.isGone && !this.isLive) this.draw(found, model);
    });
  };

  private async drawSoFar(): Promise<void> {
    const { renderSoFar } = await loadBundle();
    if (this.isGone || this.isLive) return;
    this.forgetView();
    this.host.replaceChildren();
    this.forgetView = renderSoFar(this.host, this.text);
  }

  private after(milliseconds: number, act: () => void): void {
    this.timers.push(setTimeout(act, milliseconds));
  }
}
