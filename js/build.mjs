/**
 * Builds what is loaded once per page: the view with KaTeX, its fonts and its style, as one module; and the stub that
 * each widget carries. `node build.mjs --demo`: the demo and the benchmark's page, in `build/`.
 * `node build.mjs --finish`, after `jupyter-builder build`: what the labextension needs and its packer does not know.
 */

import { readFileSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const STATIC = fileURLToPath(new URL("../magistral_nb/static/", import.meta.url));
const LICENCES = fileURLToPath(new URL("lib/third-party-licenses.json", import.meta.url));
const KATEX = fileURLToPath(new URL("node_modules/katex/dist/", import.meta.url));
// Leaves a small piece of its own in each labextension.
const PACKER = "node_modules/@rspack/core";
const MOST_KILOBYTES = 450;
const MOST_STUB_BYTES = 1_536;
// What formulas in prose need. The rest (bold Fraktur and the like) falls back to the nearest that is here.
const FONTS = new Set(
  "AMS-Regular Caligraphic-Regular Fraktur-Regular Main-Regular Main-Bold Main-Italic Main-BoldItalic Math-Italic Math-BoldItalic SansSerif-Regular Script-Regular Size1-Regular Size2-Regular Size3-Regular Size4-Regular Typewriter-Regular".split(
    " ",
  ),
);

/** The look, by subject; of two rules that are as strong, the later wins. */
const STYLES = "base above thinking text code formulas below media panel panel_drawer panel_log panel_media".split(" ");

/** KaTeX's style, for what is in a reply only, with its fonts inside. */
export function katexStyle() {
  const css = readFileSync(`${KATEX}katex.min.css`, "utf8");
  const faces = css.match(/@font-face\{[^}]*\}/g) ?? [];
  const kept = faces.flatMap((face) => {
    const name = /KaTeX_([\w-]+)\.woff2/.exec(face)?.[1] ?? "";
    if (!FONTS.has(name)) return [];
    const data = readFileSync(`${KATEX}fonts/KaTeX_${name}.woff2`).toString("base64");
    return [face.replace(/src:[^}]*/, `src:url(data:font/woff2;base64,${data}) format("woff2")`)];
  });
  return `${kept.join("\n")}\n.magistral{${css.replace(/@font-face\{[^}]*\}/g, "")}}`;
}

/** The HTML that Python draws has the class too, and a look of its own; it alone tells MathJax to keep away. */
function forTheViewOnly(css) {
  return css.replace(/\.magistral(?![\w-])/g, ".magistral:where(:not(.mathjax_ignore))");
}

const styles = {
  name: "styles",
  setup(setup) {
    setup.onResolve({ filter: /^magistral:bundle$/ }, () => ({ path: "./magistral.js", external: true }));
    setup.onResolve({ filter: /^magistral:style$/ }, () => ({ path: "style", namespace: "magistral" }));
    setup.onLoad({ filter: /.*/, namespace: "magistral" }, async () => {
      const files = STYLES.map((name) => readFile(new URL(`style/${name}.css`, import.meta.url), "utf8"));
      const own = (await Promise.all(files)).join("\n");
      const all = await build({
        stdin: { contents: forTheViewOnly(katexStyle() + own), loader: "css" },
        bundle: true,
        minify: true,
        write: false,
        target: ["chrome111", "firefox113", "safari16.4"],
        external: ["data:*"],
      });
      return { contents: `export default ${JSON.stringify(all.outputFiles[0].text)}`, loader: "js" };
    });
  },
};

const COMMON = {
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  plugins: [styles],
  legalComments: "none",
  loader: { ".md": "text" },
  absWorkingDir: fileURLToPath(new URL(".", import.meta.url)),
};

/** The licences of all packages that the bundle holds a part of, in the form that JupyterLab's Help > Licenses reads. */
async function licences(inputs) {
  const folders = inputs.flatMap((path) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
  const all = [...new Set([...folders, "node_modules/katex", PACKER])].sort().map(async (folder) => {
    const at = new URL(`${folder}/`, import.meta.url);
    const { name, version, license } = JSON.parse(await readFile(new URL("package.json", at), "utf8"));
    const file = (await readdir(at)).find((one) => /^licen[cs]e/i.test(one));
    if (!file) throw new Error(`${name} ${version} brings no text of its licence`);
    const text = (await readFile(new URL(file, at), "utf8")).trim();
    return { name, versionInfo: version, licenseId: license, extractedText: text };
  });
  return Promise.all(all);
}

function inWords(packages) {
  const texts = packages.map((one) => `${one.name} ${one.versionInfo} (${one.licenseId})\n\n${one.extractedText}\n`);
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}

/** What `jupyter-builder build` packs: two small modules, and the same bundle as their lazy chunk. */
async function lab() {
  const source = await readFile(new URL("../magistral_nb/_version.py", import.meta.url), "utf8");
  const version = /__version__ = "([^"]+)"/.exec(source)?.[1];
  const define = { __VERSION__: JSON.stringify(version) };
  const entryPoints = ["src/lab/index.ts", "src/lab/mime.ts"];
  const external = ["@lumino/widgets"];
  await build({ ...COMMON, entryPoints, outdir: "lib", external, define, splitting: true, chunkNames: "[name]" });
  await copyFile(`${STATIC}magistral.js`, new URL("lib/magistral.js", import.meta.url));
}

/** The licences of what is in the bundle, which its packer does not see, and who installed the labextension. */
async function finishLab() {
  const folder = `${STATIC}../labextension/`;
  await copyFile(`${STATIC}third-party-licenses.txt`, `${folder}static/third-party-licenses.txt`);
  await copyFile(LICENCES, `${folder}static/third-party-licenses.json`);
  await copyFile(new URL("install.json", import.meta.url), `${folder}install.json`);
}

async function main() {
  if (process.argv.includes("--finish")) return finishLab();
  if (process.argv.includes("--demo")) {
    await build({ ...COMMON, entryPoints: ["demo/page.ts"], outfile: "build/demo.js" });
    await build({ ...COMMON, entryPoints: ["bench/page.ts"], outfile: "build/bench.js" });
    return;
  }
  await mkdir(STATIC, { recursive: true });
  await mkdir(new URL("lib/", import.meta.url), { recursive: true });
  const bundle = { ...COMMON, entryPoints: ["src/widget/bundle.ts"], outfile: `${STATIC}magistral.js` };
  const { metafile } = await build({ ...bundle, metafile: true });
  const packages = await licences(Object.keys(metafile.inputs));
  await writeFile(`${STATIC}third-party-licenses.txt`, inWords(packages));
  await writeFile(LICENCES, JSON.stringify({ packages }, null, 1));
  await build({ ...COMMON, entryPoints: ["src/widget/index.ts"], outfile: `${STATIC}stub.js` });
  await lab();
  const zipped = gzipSync(await readFile(`${STATIC}magistral.js`), { level: 9 });
  await writeFile(`${STATIC}magistral.js.gz`, zipped);
  const stub = (await readFile(`${STATIC}stub.js`)).length;
  console.log(`bundle ${(zipped.length / 1024).toFixed(0)} KB gzipped, stub ${stub} bytes`);
  if (zipped.length > MOST_KILOBYTES * 1024) throw new Error(`the bundle is larger than ${MOST_KILOBYTES} KB`);
  if (stub > MOST_STUB_BYTES) throw new Error(`the stub is larger than ${MOST_STUB_BYTES} bytes`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
