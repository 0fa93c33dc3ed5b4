/** The panel's few drawings, as lines on a field of 16 by 16. They say nothing: the button has a name. */

const NAMESPACE = "http://www.w3.org/2000/svg";

const LINES = {
  plus: "M8 3v10M3 8h10",
  sliders: "M2 5h7M13 5h1M2 11h1M7 11h7M11 3v4M5 9v4",
  eye: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8ZM8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6Z",
  download: "M8 2v8M4.8 7 8 10.2 11.2 7M3 13.5h10",
  aside: "M2 3h12v10H2zM10 3v10",
  send: "M8 13V3M3.8 7.2 8 3l4.2 4.2",
  stop: "M4.5 4.5h7v7h-7z",
  edit: "M10.5 3 13 5.5 5.5 13H3v-2.5z",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  again: "M13 8a5 5 0 1 1-1.6-3.7M13 2.5v2.7h-2.7",
  goOn: "M3 8h9M8.5 4.5 12 8l-3.5 3.5",
  trash: "M3 4.5h10M6 4.5V3h4v1.5M4.5 4.5 5 13h6l.5-8.5",
  cells: "M2.5 3h11v3.6h-11zM8 9v5M5.5 11.5h5",
  earlier: "M9.5 4 5.5 8l4 4",
  later: "M6.5 4l4 4-4 4",
  down: "M8 3v10M3.8 8.8 8 13l4.2-4.2",
  close: "M4 4l8 8M12 4l-8 8",
} as const;

export type IconName = keyof typeof LINES;

export function icon(page: Document, name: IconName): SVGElement {
  const drawing = page.createElementNS(NAMESPACE, "svg");
  drawing.setAttribute("viewBox", "0 0 16 16");
  drawing.setAttribute("class", `magistral-icon magistral-icon-${name}`);
  drawing.setAttribute("aria-hidden", "true");
  drawing.setAttribute("focusable", "false");
  const line = page.createElementNS(NAMESPACE, "path");
  line.setAttribute("d", LINES[name]);
  drawing.append(line);
  return drawing;
}
