/** What the reader asked, in a bubble; and the same as a field while it is edited. */

import { plain } from "../../core/text.js";
import { make } from "../dom.js";
import { LABELS } from "../labels.js";
import { wordButton } from "./buttons.js";
import { fitHeight, writingArea } from "./writing.js";

export class Question {
  readonly element: HTMLElement;
  private readonly bubble: HTMLElement;
  private form: HTMLElement | null = null;

  constructor(
    page: Document,
    readonly text: string,
  ) {
    this.bubble = make(page, "div", { class: "magistral-bubble", text: plain(text), attributes: { dir: "auto" } });
    this.element = make(page, "div", { class: "magistral-question", children: [this.bubble] });
  }

  get isEdited(): boolean {
    return this.form !== null;
  }

  /** Open the field. `save` gets a text that is not empty; `closed` is called whenever the field is gone. */
  edit(save: (text: string) => void, closed: () => void): void {
    if (this.form) return;
    const page = this.element.ownerDocument;
    const close = (): void => {
      this.form?.remove();
      this.form = null;
      this.bubble.hidden = false;
    };
    const cancel = (): void => {
      close();
      closed();
    };
    const send = (): void => {
      const text = area.value;
      if (!text.trim()) return;
      close();
      save(text);
    };
    const area = writingArea(page, LABELS.panel.editing, { send, escape: cancel });
    area.value = this.text;
    this.form = make(page, "div", {
      class: "magistral-editor",
      children: [
        area,
        make(page, "div", {
          class: "magistral-editor-bar",
          children: [
            wordButton(page, LABELS.panel.cancel, cancel),
            wordButton(page, LABELS.panel.save, send, "magistral-primary"),
          ],
        }),
      ],
    });
    this.bubble.hidden = true;
    this.element.append(this.form);
    fitHeight(area);
    area.focus();
    area.setSelectionRange(area.value.length, area.value.length);
  }
}
