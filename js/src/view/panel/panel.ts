/** A chat panel: head, conversation, composer. Knows no notebook: whoever shows it brings a door to a kernel. */

import type { PanelListener } from "../../core/panel_state.js";
import type { ReplyEvent } from "../../core/protocol.js";
import { make, say } from "../dom.js";
import { LABELS } from "../labels.js";
import type { TurnActs } from "./actions.js";
import { Banner } from "./banner.js";
import { Composer } from "./composer.js";
import { connectionBanner } from "./connection.js";
import type { ExportFormat, PanelDoor } from "./door.js";
import { download } from "./download.js";
import { Drawer } from "./drawer.js";
import { HeadView } from "./head.js";
import { LogView } from "./log.js";
import { MeterView } from "./meter.js";
import { promptPicture } from "./prompt.js";
import { SettingsView } from "./settings.js";
import { keepKeysIn } from "./shortcuts.js";
import type { TurnHost, TurnView } from "./turn.js";
import { TURNS_EVENT, type TurnsDetail } from "./turns_event.js";
import { WelcomeView } from "./welcome.js";
import { Wishes } from "./wishes.js";

const MOST_SPOKEN = 1_500;
const words = LABELS.panel;

let made = 0;

export class PanelView implements PanelListener, TurnHost {
  readonly element: HTMLElement;
  readonly id: string;
  readonly canInsert: boolean;
  private readonly page: Document;
  private readonly head: HeadView;
  private readonly log: LogView;
  private readonly composer: Composer;
  private readonly meter: MeterView;
  private readonly welcome: WelcomeView;
  private readonly banner: Banner;
  private readonly lasting: Banner;
  private readonly drawer: Drawer;
  private readonly settings: SettingsView;
  private readonly announced: HTMLElement;
  private readonly wishes: Wishes;
  private readonly forgetFacts: () => void;
  private bringHome: (() => void) | null = null;

  constructor(
    host: HTMLElement,
    private readonly door: PanelDoor,
  ) {
    const page = host.ownerDocument;
    made += 1;
    this.page = page;
    this.id = door.id;
    this.canInsert = door.canInsert;
    const drawerId = `magistral-drawer-${made}`;
    this.banner = new Banner(page);
    this.lasting = new Banner(page);
    this.wishes = new Wishes(door, this.banner, {
      changed: () => this.draw(),
      undone: () => this.composer.area.focus(),
    });
    this.drawer = new Drawer(page, drawerId, (now) => this.head.opened(now));
    this.head = new HeadView(page, this.headActs(), drawerId);
    this.settings = new SettingsView(
      page,
      {
        set: (values) => door.wish({ type: "set", values }),
        listModels: () => door.wish({ type: "models" }),
        close: () => this.drawer.close(),
      },
      `magistral-settings-${made}`,
    );
    this.log = new LogView(page, door.state, this);
    this.welcome = new WelcomeView(page, (text) => this.ask(text));
    this.composer = new Composer(page, {
      send: (text) => this.ask(text),
      stop: () => this.stop(),
      editLast: () => this.editLast(),
      refuse: (why) => this.banner.show({ text: why, kind: "news" }),
    });
    this.meter = new MeterView(page);
    this.announced = make(page, "div", { class: "magistral-unseen", attributes: { role: "status" } });
    this.element = make(page, "section", {
      class: `magistral magistral-panel${door.canInsert ? " magistral-inserts" : ""}`,
      attributes: { "aria-label": words.name, "data-lm-suppress-shortcuts": "true" },
      children: [
        this.head.element,
        this.drawer.element,
        this.lasting.element,
        this.welcome.element,
        this.log.element,
        this.banner.element,
        this.composer.element,
        this.meter.element,
        this.announced,
      ],
    });
    keepKeysIn(this.element, () => this.isBusy && this.stop());
    host.append(this.element);
    door.state.listeners.add(this);
    this.forgetFacts = door.onFacts(() => this.draw());
    this.turnsChanged(0);
    this.log.toEnd();
  }

  turnsChanged(from: number): void {
    this.log.changed(from);
    this.draw();
    if (!this.door.state.live) this.tellTurns();
  }

  liveHeard(events: readonly ReplyEvent[]): void {
    this.log.live?.hear(events);
  }

  livePatience(text: string): void {
    this.log.live?.patience(text);
  }

  liveReplaced(): void {
    const { live } = this.door.state;
    if (live) this.log.live?.replace(live);
  }

  liveEnded(sameReply: boolean): void {
    this.log.ended(sameReply);
    const text = this.log.all.at(-1)?.spoken(MOST_SPOKEN);
    if (text) say(this.announced, words.saidAnswer(text));
    this.draw();
    this.tellTurns();
  }

  acts(view: TurnView): Omit<TurnActs, "edit" | "insertAll"> {
    const { turn } = view;
    const id = turn?.id ?? null;
    const wish = (type: "regenerate" | "continue") => () => {
      if (id !== null) void this.wishes.wish({ type, turn: id }).then(() => this.composer.area.focus());
      this.log.toEnd();
    };
    return {
      regenerate: wish("regenerate"),
      goOn: wish("continue"),
      askAgain: () => this.ask(view.question.text),
      delete: () => void this.delete(view),
      branch: (at) => id !== null && void this.wishes.wish({ type: "branch", turn: id, at }),
      say: (text) => say(this.announced, text),
    };
  }

  situation(view: TurnView): { number: number; isLast: boolean; canAsk: boolean } {
    const at = this.log.all.indexOf(view);
    return { number: at + 1, isLast: at === this.log.all.length - 1, canAsk: this.canAsk };
  }

  edit(view: TurnView): void {
    const id = view.turn?.id ?? null;
    if (id === null) return;
    this.log.stay();
    view.question.edit(
      (text) => {
        this.composer.area.focus();
        this.log.toEnd();
        void this.wishes.wish({ type: "edit", turn: id, text });
      },
      () => this.composer.area.focus(),
    );
  }

  /** The element was put elsewhere in the page. */
  moved(): void {
    this.log.moved();
  }

  destroy(): void {
    this.door.state.listeners.delete(this);
    this.forgetFacts();
    this.bringHome?.();
    this.log.destroy();
    this.element.remove();
  }

  private get isBusy(): boolean {
    return this.wishes.areQuestions || this.door.state.live !== null || this.door.facts().busy;
  }

  /** Something can be asked, or changed, now. */
  private get canAsk(): boolean {
    const { connection, disabled } = this.door.facts();
    return connection === "there" && !disabled && !this.isBusy;
  }

  private draw(): void {
    const { settings, choices, meter, welcome, connection, disabled } = this.door.facts();
    const isThere = connection === "there";
    this.head.draw(settings, isThere, this.isBusy);
    this.settings.draw(settings, choices);
    this.meter.draw(isThere ? meter : null);
    this.composer.set(this.isBusy, disabled || !isThere);
    this.composer.element.hidden = !isThere && connection !== "away";
    this.lasting.show(connectionBanner(this.page, this.door, () => this.resume()));
    const isEmpty = !this.door.state.turns.length && !this.door.state.live;
    this.welcome.element.hidden = !isEmpty || !isThere;
    if (isEmpty) this.welcome.draw(welcome, this.canAsk);
    this.log.refresh();
    const label = settings?.model ? words.nameWith(settings.model) : words.name;
    this.element.setAttribute("aria-label", label);
    this.element.classList.toggle("magistral-busy", this.isBusy);
  }

  private headActs() {
    return {
      fresh: () => void this.clear(),
      settings: () => {
        if (this.drawer.isOpen("settings")) this.drawer.close();
        else this.drawer.open("settings", words.settings, this.settings.element, this.head.settings);
      },
      prompt: () => void this.showPrompt(),
      export: (format: ExportFormat) => void this.export(format),
      ...(this.door.aside ? { aside: () => this.moveAside() } : {}),
    };
  }

  private tellTurns(): void {
    const detail: TurnsDetail = { turns: this.door.state.turns };
    this.element.dispatchEvent(new CustomEvent(TURNS_EVENT, { bubbles: true, detail }));
  }

  private ask(text: string): void {
    this.banner.show(null);
    this.composer.area.focus();
    this.log.toEnd();
    this.wishes.wish({ type: "ask", text }).then((worked) => {
      if (!worked) this.composer.restore(text);
    });
  }

  private stop(): void {
    this.door.stop();
    say(this.announced, words.stopping);
    this.composer.area.focus();
  }

  private editLast(): void {
    const last = this.log.all.at(-1);
    if (!last?.turn || !this.canAsk) return;
    last.draw();
    this.edit(last);
  }

  private async delete(view: TurnView): Promise<void> {
    const id = view.turn?.id ?? null;
    if (id === null) return;
    const count = this.log.all.length - this.log.all.indexOf(view);
    if (!(await this.wishes.wish({ type: "delete", turn: id }, this.wishes.offerUndo(words.deleted(count))))) return;
    this.composer.area.focus();
  }

  private async clear(): Promise<void> {
    await this.wishes.wish({ type: "clear" }, this.wishes.offerUndo(words.cleared));
    this.composer.area.focus();
  }

  private async showPrompt(): Promise<void> {
    if (this.drawer.isOpen("prompt")) {
      this.drawer.close();
      return;
    }
    await this.wishes.wish({ type: "prompt", text: this.composer.area.value }, (data) => {
      const picture = promptPicture(this.page, data, () => this.drawer.close());
      this.drawer.open("prompt", words.promptTitle, picture, this.head.prompt);
    });
  }

  private async export(format: ExportFormat): Promise<void> {
    await this.wishes.wish({ type: "export", format }, (data) => download(this.page, data));
  }

  private resume(): void {
    if (!this.door.resume(this.element)) this.lasting.show(connectionBanner(this.page, this.door, null));
  }

  private moveAside(): void {
    if (this.bringHome) {
      this.bringHome();
      return;
    }
    const title = this.element.getAttribute("aria-label") ?? words.name;
    const home = (): void => {
      this.bringHome = null;
      this.head.isAside(false);
      this.moved();
    };
    this.bringHome = this.door.aside?.(this.element, title, home) ?? null;
    this.head.isAside(this.bringHome !== null);
    this.moved();
  }
}
