/** Brings the style into a page, once for each document or shadow root. */

import css from "magistral:style";

const MARK = "magistral-style";

export function addStyle(near: Node): void {
  const root = near.getRootNode();
  const page = near.ownerDocument as Document;
  const place = root instanceof ShadowRoot ? root : page.head;
  if (place.querySelector(`style.${MARK}`)) return;
  const style = page.createElement("style");
  style.className = MARK;
  style.textContent = css;
  place.append(style);
}
