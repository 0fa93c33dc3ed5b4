/** Fields of the settings: each has a name, a hint, and says what was refused. */

import { make } from "../dom.js";

export interface Field<Value> {
  readonly element: HTMLElement;
  /** Show a value, unless the reader is writing. */
  show(value: Value): void;
  refuse(words: string): void;
}

let made = 0;

type Control = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

/** A control with its label above and its hint below, and where to say what was refused. */
export function labelled(page: Document, label: string, control: Control, hint = ""): Field<string> {
  made += 1;
  const id = `magistral-field-${made}`; // made here, never from a model's text
  control.id = id;
  control.classList.add("magistral-control-field");
  const name = make(page, "label", { text: label, attributes: { for: id } });
  const below = make(page, "div", { class: "magistral-hint", text: hint, attributes: { id: `${id}-hint` } });
  const refused = make(page, "div", { class: "magistral-refused", attributes: { role: "alert", id: `${id}-refused` } });
  control.setAttribute("aria-describedby", `${id}-hint ${id}-refused`);
  const element = make(page, "div", { class: "magistral-field", children: [name, control, below, refused] });
  const refuse = (words: string): void => {
    refused.textContent = words;
    control.setAttribute("aria-invalid", String(Boolean(words)));
  };
  return {
    element,
    refuse,
    show(value) {
      if (page.activeElement === control || control.getAttribute("aria-invalid") === "true") return;
      if (control.value !== value) control.value = value;
    },
  };
}

/** One of a few, side by side. */
export function choice(
  page: Document,
  label: string,
  options: Readonly<Record<string, string>>,
  set: (value: string) => void,
): Field<string> {
  made += 1;
  const group = `magistral-choice-${made}`;
  const inputs = Object.entries(options).map(([value, words]) => {
    const input = make(page, "input", { attributes: { type: "radio", name: group, value } });
    input.addEventListener("change", () => set(value));
    return {
      input,
      box: make(page, "label", { class: "magistral-option", children: [input, make(page, "span", { text: words })] }),
    };
  });
  const refused = make(page, "div", { class: "magistral-refused", attributes: { role: "alert" } });
  const row = make(page, "div", { class: "magistral-options", children: inputs.map(({ box }) => box) });
  const element = make(page, "fieldset", {
    class: "magistral-field",
    children: [make(page, "legend", { text: label }), row, refused],
  });
  return {
    element,
    refuse: (words) => {
      refused.textContent = words;
    },
    show(value) {
      for (const { input } of inputs) input.checked = input.value === value;
    },
  };
}
