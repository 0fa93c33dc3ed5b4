/** Takes a picture of every scene: `node demo/shots.mjs FOLDER [SCENE…]`. `--axe` also looks for what shuts people out. */

import { mkdir, readFile } from "node:fs/promises";
import { chromium } from "playwright-core";

const FLAGS =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage";
const HERE = new URL(".", import.meta.url);
const THEMES = process.env.JUPYTER_THEMES; // the folder lab/themes/@jupyterlab of an installed JupyterLab
const [folder = "/tmp/shots", ...names] = process.argv.slice(2).filter((one) => !one.startsWith("--"));
const ALL = "waiting loading thinking streaming finished short plain cut thought stopped error noticed rtl".split(" ");
const PANELS = "empty no-key talk long up stream error cut edit settings prompt menu lost away disabled rtl".split(" ");
const LOOKS = {
  light: { width: 920, colorScheme: "light" },
  dark: { width: 920, colorScheme: "dark" },
  phone: { width: 320, colorScheme: "light" },
  "phone-dark": { width: 320, colorScheme: "dark" },
  forced: { width: 920, colorScheme: "dark", forcedColors: "active" },
};

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [...FLAGS.split(" "), "--allow-file-access-from-files"],
});
await mkdir(folder, { recursive: true });
let faults = 0;
for (const [look, { width, ...options }] of Object.entries(LOOKS)) {
  const page = await browser.newPage({ viewport: { width, height: 640 }, ...options });
  page.on("pageerror", (error) => console.log(`${look}: ${error}`));
  for (const scene of names.length ? names : [...ALL, ...PANELS.map((name) => `panel-${name}`)]) {
    await page.goto(`${new URL("index.html", HERE)}?scene=${scene}`);
    if (THEMES && look !== "forced") await page.addStyleTag({ content: await theme(options.colorScheme) });
    await page.evaluate(
      (light) => (document.body.dataset.jpThemeLight = light),
      String(options.colorScheme === "light"),
    );
    // a picture of the whole page is taken without scrolling through it
    await page.addStyleTag({ content: ".magistral .magistral-closed { content-visibility: visible }" });
    await page.waitForTimeout(250);
    if (process.argv.includes("--axe")) faults += await look_for_faults(page, `${look} ${scene}`);
    await page.screenshot({ path: `${folder}/${scene}-${look}.png`, fullPage: true, animations: "disabled" });
  }
  await page.close();
}
await browser.close();
process.exit(faults ? 1 : 0);

async function theme(scheme) {
  const css = await readFile(`${THEMES}/theme-${scheme}-extension/index.css`, "utf8");
  return (css.match(/:root\s*\{[^}]*\}/g) ?? []).join("\n");
}

async function look_for_faults(page, name) {
  await page.addScriptTag({ path: new URL("../node_modules/axe-core/axe.min.js", HERE).pathname });
  const { violations } = await page.evaluate(() => globalThis.axe.run(".magistral"));
  for (const { id, impact, nodes } of violations) {
    console.log(
      `${name}: ${impact} ${id}: ${nodes
        .map((node) => `${node.html} ${node.any[0]?.message ?? ""}`)
        .slice(0, 3)
        .join(" | ")}`,
    );
  }
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical").length;
}
