/** Highlighted code as nodes. highlight.js returns HTML; only its spans are taken from it, and everything else is text. */

import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import cpp from "highlight.js/lib/languages/cpp";
import java from "highlight.js/lib/languages/java";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import julia from "highlight.js/lib/languages/julia";
import python from "highlight.js/lib/languages/python";
import r from "highlight.js/lib/languages/r";
import rust from "highlight.js/lib/languages/rust";
import sql from "highlight.js/lib/languages/sql";
import typescript from "highlight.js/lib/languages/typescript";
import yaml from "highlight.js/lib/languages/yaml";

/** In characters: longer code is shown plain, because to highlight it would hold up the page. */
export const LONGEST_HIGHLIGHTED = 20_000;

const LANGUAGES = { bash, cpp, java, javascript, json, julia, python, r, rust, sql, typescript, yaml };
for (const [name, language] of Object.entries(LANGUAGES)) hljs.registerLanguage(name, language);
hljs.registerAliases(["ipython", "python3", "sage"], { languageName: "python" });
hljs.registerAliases(["shell", "console", "zsh"], { languageName: "bash" });

const PIECE = /<span class="([^"]*)">|<\/span>|([^<]+)/g;
const ENTITIES: Readonly<Record<string, string>> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#x27;": "'",
};

/** Return code as highlighted nodes, or as one text where its language is not known or it is too long. */
export function highlighted(code: string, language: string, page: Document): DocumentFragment {
  const shown = page.createDocumentFragment();
  const name = language.toLowerCase();
  if (code.length > LONGEST_HIGHLIGHTED || !hljs.getLanguage(name)) {
    shown.append(code);
    return shown;
  }
  const stack: Node[] = [shown];
  for (const [, names, text] of hljs.highlight(code, { language: name, ignoreIllegals: true }).value.matchAll(PIECE)) {
    const top = stack.at(-1) as Node;
    if (text !== undefined) top.appendChild(page.createTextNode(decoded(text)));
    else if (names !== undefined) stack.push(top.appendChild(span(names, page)));
    else stack.pop();
  }
  return shown;
}

function span(names: string, page: Document): HTMLElement {
  const made = page.createElement("span");
  made.className = names;
  return made;
}

function decoded(text: string): string {
  return text.replace(/&(?:amp|lt|gt|quot|#x27);/g, (entity) => ENTITIES[entity] ?? entity);
}
