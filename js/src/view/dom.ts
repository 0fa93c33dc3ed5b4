/** Small helpers for making nodes. Texts are always texts: nothing here reads HTML. */

export interface Parts {
  class?: string;
  text?: string;
  attributes?: Record<string, string>;
  children?: (Node | null)[];
}

export function make<Tag extends keyof HTMLElementTagNameMap>(
  page: Document,
  tag: Tag,
  parts: Parts = {},
): HTMLElementTagNameMap[Tag] {
  const made = page.createElement(tag);
  if (parts.class) made.className = parts.class;
  if (parts.text !== undefined) made.textContent = parts.text;
  for (const [name, value] of Object.entries(parts.attributes ?? {})) made.setAttribute(name, value);
  for (const child of parts.children ?? []) if (child) made.append(child);
  return made;
}

export function button(page: Document, name: string, label: string, act: () => void, title = label): HTMLButtonElement {
  const made = make(page, "button", { class: `magistral-button ${name}`, text: label, attributes: { type: "button" } });
  if (title !== label) {
    made.title = title;
    made.setAttribute("aria-label", title);
  }
  made.addEventListener("click", act);
  return made;
}

/** Set a text only where it changes, so that assistive technology is not told of nothing. */
export function say(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
