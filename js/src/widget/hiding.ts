/** Hides what the kernel keeps beside a live reply for a notebook that is saved meanwhile: HTML with the same words. */

/** Hide it while `near`, which draws the reply, is in the page; returns what shows it again. */
export function hideSoFar(near: HTMLElement, id: string): () => void {
  if (!/^[\w-]+$/.test(id)) return () => {};
  const style = near.ownerDocument.createElement("style");
  const name = `.magistral-so-far-${id}`;
  style.textContent = `${name},.jp-OutputArea-child:has(${name}){display:none}`;
  near.append(style);
  return () => style.remove();
}
