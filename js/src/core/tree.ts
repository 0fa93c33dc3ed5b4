/** What a text shows, as plain data: nothing in a tree can run, load, or be anything but these four kinds. */

export interface TextNode {
  kind: "text";
  text: string;
}

export interface ElementNode {
  kind: "element";
  tag: string;
  attributes: Readonly<Record<string, string>>;
  children: readonly Tree[];
  /** Of a list: its items stand apart, as paragraphs do. */
  loose?: boolean;
}

export interface FormulaNode {
  kind: "formula";
  tex: string;
  opening: string;
  /** Typeset it; else show its source as code. */
  typeset: boolean;
  /** One of very many: named for screen readers by its source, instead of by MathML. */
  light: boolean;
}

export interface CodeNode {
  kind: "code";
  text: string;
  language: string;
}

/** A formula that has begun and not ended, while the text still grows. */
export interface PendingNode {
  kind: "pending";
  text: string;
}

export type Tree = TextNode | ElementNode | FormulaNode | CodeNode | PendingNode;

export function element(tag: string, children: readonly Tree[], attributes: Record<string, string> = {}): ElementNode {
  return { kind: "element", tag, attributes, children };
}

export function text(content: string): TextNode {
  return { kind: "text", text: content };
}

/** Tell whether two trees show the same. Equal parts that are one object cost nothing to compare. */
export function same(one: Tree, other: Tree): boolean {
  if (one === other) return true;
  if (one.kind !== other.kind) return false;
  if (one.kind === "element") return sameElement(one, other as ElementNode);
  return JSON.stringify(one) === JSON.stringify(other);
}

export function sameBox(one: ElementNode, other: ElementNode): boolean {
  if (one.tag !== other.tag || Boolean(one.loose) !== Boolean(other.loose)) return false;
  const names = Object.keys(one.attributes);
  return (
    names.length === Object.keys(other.attributes).length &&
    names.every((name) => one.attributes[name] === other.attributes[name])
  );
}

function sameElement(one: ElementNode, other: ElementNode): boolean {
  return (
    sameBox(one, other) &&
    one.children.length === other.children.length &&
    one.children.every((child, index) => same(child, other.children[index] as Tree))
  );
}
