/** The top of a panel: whom it asks, and what can be done with the whole conversation. */

import type { Settings } from "../../core/panel_protocol.js";
import { plain } from "../../core/text.js";
import { make, say } from "../dom.js";
import { LABELS } from "../labels.js";
import { iconButton, renameButton } from "./buttons.js";
import type { ExportFormat } from "./door.js";
import { Menu } from "./menu.js";

export interface HeadActs {
  fresh: () => void;
  settings: () => void;
  prompt: () => void;
  export: (format: ExportFormat) => void;
  /** Without it, the panel stays where it is. */
  aside?: (() => void) | undefined;
}

export class HeadView {
  readonly element: HTMLElement;
  readonly settings: HTMLButtonElement;
  readonly prompt: HTMLButtonElement;
  private readonly export: Menu;
  private readonly fresh: HTMLButtonElement;
  private readonly aside: HTMLButtonElement | null;
  private readonly who: HTMLElement;
  private readonly where: HTMLElement;

  constructor(page: Document, acts: HeadActs, drawerId: string) {
    const words = LABELS.panel;
    this.who = make(page, "h2", { class: "magistral-panel-who", attributes: { dir: "auto" } });
    this.where = make(page, "span", { class: "magistral-panel-where", attributes: { dir: "auto" } });
    this.fresh = iconButton(page, "plus", words.fresh, acts.fresh);
    this.settings = iconButton(page, "sliders", words.settings, acts.settings);
    this.prompt = iconButton(page, "eye", words.prompt, acts.prompt);
    for (const opener of [this.settings, this.prompt]) opener.setAttribute("aria-controls", drawerId);
    const { aside } = acts;
    this.aside = aside ? iconButton(page, "aside", words.aside, aside) : null;
    this.aside?.classList.add("magistral-to-side");
    const formats = Object.entries(words.exportAs) as [ExportFormat, string][];
    const choices = formats.map(([format, label]) => ({ label, act: () => acts.export(format) }));
    this.export = new Menu(page, "download", words.export, choices);
    const attributes = { role: "group", "aria-label": words.tools };
    const tools = make(page, "div", {
      class: "magistral-tools",
      attributes,
      children: [this.fresh, this.prompt, this.export.element, this.settings, this.aside],
    });
    const names = make(page, "div", { class: "magistral-panel-names", children: [this.who, this.where] });
    this.element = make(page, "header", { class: "magistral-panel-head", children: [names, tools] });
    this.opened(null);
  }

  draw(settings: Settings | null, isThere: boolean, isBusy: boolean): void {
    say(this.who, plain(settings?.model ?? "") || LABELS.panel.name);
    say(this.where, settings?.endpoint ? LABELS.panel.at(plain(settings.endpoint)) : "");
    this.fresh.disabled = this.prompt.disabled = !isThere || isBusy;
    this.settings.disabled = this.export.button.disabled = !isThere;
  }

  /** Say which drawer is open. */
  opened(drawer: "settings" | "prompt" | null): void {
    this.settings.setAttribute("aria-expanded", String(drawer === "settings"));
    this.prompt.setAttribute("aria-expanded", String(drawer === "prompt"));
  }

  isAside(isAside: boolean): void {
    if (this.aside) renameButton(this.aside, "aside", isAside ? LABELS.panel.back : LABELS.panel.aside);
  }
}
