/** The settings of a chat: where to ask, what the model is told, how it samples. Each is set as it is changed. */

import type { Choices, Settings } from "../../core/panel_protocol.js";
import { plain } from "../../core/text.js";
import { make, say } from "../dom.js";
import { LABELS } from "../labels.js";
import { wordButton } from "./buttons.js";
import { choice, type Field, labelled } from "./fields.js";
import { SystemField } from "./system_field.js";

const words = LABELS.panel;

type Name = keyof Settings;

export interface SettingsActs {
  /** Rejects with an error whose message is shown beside the field. */
  set: (values: Partial<Settings>) => Promise<unknown>;
  listModels: () => Promise<unknown>;
  close: () => void;
}

export class SettingsView {
  readonly element: HTMLElement;
  private readonly fields = new Map<Name, Pick<Field<string>, "show" | "refuse">>();
  private readonly system: SystemField;
  private readonly endpoint: HTMLSelectElement;
  private readonly models: HTMLDataListElement;
  private readonly listed: HTMLElement;
  private shown: Choices | null = null;

  constructor(
    private readonly page: Document,
    private readonly acts: SettingsActs,
    id: string,
  ) {
    this.endpoint = make(page, "select");
    const modelsId = `${id}-models`;
    this.models = make(page, "datalist", { attributes: { id: modelsId } });
    this.listed = make(page, "div", { class: "magistral-hint", attributes: { role: "status" } });
    const model = make(page, "input", {
      attributes: { type: "text", list: modelsId, autocomplete: "off", dir: "ltr" },
    });
    const keep = choice(page, words.keep, words.keeps, (value) => this.set("keep_thinking", value));
    this.fields.set("keep_thinking", keep);
    this.system = new SystemField(page, (value) => this.set("system", value));
    this.fields.set("system", this.system);
    const modelField = this.field("model", words.model, model, words.modelHint);
    modelField.append(this.listButton(), this.listed, this.models);
    const where = this.group([this.field("endpoint", words.endpoint, this.endpoint), modelField]);
    const told = this.group([
      this.field("instructions", words.instructions, this.area(), words.instructionsHint),
      this.system.element,
      keep.element,
    ]);
    const sampling = this.group(
      [
        this.field("temperature", words.temperature, this.number("0.1")),
        this.field("top_p", words.topP, this.number("0.05")),
        this.field("max_tokens", words.maxTokens, this.number("1")),
        this.field("seed", words.seed, this.number("1")),
      ],
      "magistral-numbers",
    );
    const bar = make(page, "div", {
      class: "magistral-drawer-bar",
      children: [
        make(page, "h3", { class: "magistral-drawer-title", text: words.settings }),
        wordButton(page, words.close, acts.close, "magistral-close"),
      ],
    });
    this.element = make(page, "div", { class: "magistral-settings", children: [bar, where, told, sampling] });
  }

  draw(settings: Settings | null, choices: Choices | null): void {
    if (choices && choices !== this.shown) this.drawChoices(choices);
    if (!settings) return;
    for (const [name, field] of this.fields) {
      if (name !== "system") field.show(String(settings[name] ?? ""));
    }
    this.system.show(settings.system);
  }

  private drawChoices(choices: Choices): void {
    this.shown = choices;
    const { page } = this;
    const option = (value: string, text: string) => make(page, "option", { text: plain(text), attributes: { value } });
    const before = this.endpoint.value;
    this.endpoint.replaceChildren(
      option("", words.endpointDefault),
      ...choices.endpoints.map(({ name, ready, why, description }) => {
        const made = option(name, ready ? name : words.notReady(name));
        made.title = plain([description, why].filter(Boolean).join(" "));
        return made;
      }),
    );
    this.endpoint.value = before;
    this.models.replaceChildren(...(choices.models ?? []).map((one) => option(one, one)));
    say(this.listed, choices.models_error ? plain(choices.models_error) : this.count(choices.models));
  }

  private count(models: string[] | null): string {
    return models ? words.models(models.length) : "";
  }

  private listButton(): HTMLButtonElement {
    const made = wordButton(this.page, words.listModels, () => {
      say(this.listed, words.listing);
      this.acts.listModels().then(
        () => say(this.listed, this.count(this.shown?.models ?? null)),
        (error: Error) => say(this.listed, plain(error.message)),
      );
    });
    return made;
  }

  private group(children: HTMLElement[], name = ""): HTMLElement {
    return make(this.page, "div", { class: `magistral-group ${name}`.trim(), children });
  }

  private area(): HTMLTextAreaElement {
    return make(this.page, "textarea", { attributes: { rows: "2", dir: "auto" } });
  }

  private number(step: string): HTMLInputElement {
    return make(this.page, "input", { attributes: { type: "number", step, min: "0", inputmode: "decimal" } });
  }

  private field(
    name: Name,
    label: string,
    control: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement,
    hint = "",
  ): HTMLElement {
    const field = labelled(this.page, label, control, hint);
    this.fields.set(name, field);
    const isNumber = control instanceof HTMLInputElement && control.type === "number";
    control.addEventListener("change", () => {
      const text = control.value.trim();
      this.set(name, text === "" ? null : isNumber ? Number(text) : text);
    });
    return field.element;
  }

  private set(name: Name, value: string | number | null): void {
    const field = this.fields.get(name);
    this.acts.set({ [name]: value }).then(
      () => field?.refuse(""),
      (error: Error & { hint?: string }) => field?.refuse(plain([error.message, error.hint].filter(Boolean).join(" "))),
    );
  }
}
