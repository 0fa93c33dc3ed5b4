/** Frames while a reply grows, against rendering the whole text again: `node bench/run.mjs [WHAT…] [--runs=3] [--json=FILE]`. */

import { writeFile } from "node:fs/promises";
import { chromium } from "playwright-core";

const FLAGS =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage --allow-file-access-from-files";
const names = process.argv.slice(2).filter((one) => !one.startsWith("--"));
const runs = Number(process.argv.find((one) => one.startsWith("--runs="))?.slice(7) ?? 0);
const file = process.argv.find((one) => one.startsWith("--json="))?.slice(7);
const rows = [];
const RUNS = { empty: 3, tail: 5, list: 5, formulas: 5, fence: 5, panel: 3 };

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: FLAGS.split(" "),
});
console.log(
  "| what | way | s | frames | dropped | longest task, ms | … its CPU | longest gap, ms | longest task at the end |",
);
console.log("|---|---|--:|--:|--:|--:|--:|--:|--:|");
let isRight = true;
for (const what of names.length ? names : Object.keys(RUNS)) {
  const found = { ours: [], whole: [] };
  for (let turn = 0; turn < (runs || RUNS[what]); turn++) {
    for (const way of ["ours", "whole"]) found[way].push(await once(way, what));
  }
  const ours = medians(found.ours);
  const whole = medians(found.whole);
  for (const [way, one] of Object.entries({ ours, whole })) console.log(row(what, way, one));
  rows.push({ what, way: "whole", ...whole }, { what, way: "ours", ...ours });
  const ratios = ["dropped", "longestTask", "longestCpu", "longestGap", "atEnd"].map((key) =>
    ratio(whole[key], ours[key]),
  );
  console.log(`| ${what} | whole / ours | | | ${ratios.join(" | ")} |`);
}
await browser.close();
if (file) await writeFile(file, JSON.stringify({ browser: browser.version(), rows }));
process.exit(isRight ? 0 : 1);

async function once(way, what) {
  const page = await browser.newPage({ viewport: { width: 920, height: 720 } });
  page.on("pageerror", (error) => console.error(String(error)));
  await page.goto(String(new URL("index.html", import.meta.url)));
  await page.evaluate(([way, what]) => globalThis.prepare(way, what), [way, what]);
  const tasks = await watchTasks(page);
  const figures = await page.evaluate(() => globalThis.measure());
  const during = await tasks();
  const tasksAtEnd = await watchTasks(page);
  await page.evaluate(() => globalThis.end());
  const atEnd = await tasksAtEnd();
  if (!(await page.evaluate(() => globalThis.isRight()))) {
    isRight = false;
    console.error(`${what}: the final picture is not that of the whole text`);
  }
  await page.close();
  const longest = (all, key) => Math.max(0, ...all.map((task) => (task[key] ?? 0) / 1000));
  return {
    ...figures,
    longestTask: longest(during, "dur"),
    longestCpu: longest(during, "tdur"),
    atEnd: longest(atEnd, "dur"),
  };
}

/** Every task of the page's main thread, by the clock and by its CPU: the page itself is told only of those above 50. */
async function watchTasks(page) {
  const session = await page.context().newCDPSession(page);
  const events = [];
  session.on("Tracing.dataCollected", ({ value }) => events.push(...value));
  await session.send("Tracing.start", {
    categories: "disabled-by-default-devtools.timeline",
    transferMode: "ReportEvents",
  });
  return async () => {
    const complete = new Promise((done) => session.once("Tracing.tracingComplete", done));
    await session.send("Tracing.end");
    await complete;
    const mains = events.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain");
    const threads = new Set(mains.map(({ pid, tid }) => `${pid}:${tid}`));
    return events.filter(({ name, pid, tid }) => name === "RunTask" && threads.has(`${pid}:${tid}`));
  };
}

function medians(all) {
  const middle = (values) => values.sort((one, other) => one - other)[Math.floor(values.length / 2)];
  return Object.fromEntries(Object.keys(all[0]).map((key) => [key, middle(all.map((one) => one[key]))]));
}

function ratio(whole, ours) {
  return ours ? `${(whole / ours).toFixed(1)} ×` : "∞";
}

function row(what, way, { seconds, frames, ...one }) {
  const times = ["dropped", "longestTask", "longestCpu", "longestGap", "atEnd"].map((key) => one[key].toFixed(0));
  return `| ${what} | ${way} | ${seconds.toFixed(1)} | ${frames} | ${times.join(" | ")} |`;
}
