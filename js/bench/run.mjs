/** Frames while a reply grows, against rendering the whole text again: `node bench/run.mjs [WHAT…] [--runs=3]`. */

import { chromium } from "playwright-core";

const FLAGS =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage --allow-file-access-from-files";
const names = process.argv.slice(2).filter((one) => !one.startsWith("--"));
const runs = Number(process.argv.find((one) => one.startsWith("--runs="))?.slice(7) ?? 0);
const RUNS = { empty: 3, tail: 5, list: 3, formulas: 3, fence: 3 };

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: FLAGS.split(" "),
});
console.log(
  "| what | way | s | frames | dropped | longest task, ms | longest gap, ms |\n|---|---|--:|--:|--:|--:|--:|",
);
for (const what of names.length ? names : Object.keys(RUNS)) {
  const found = { ours: [], whole: [] };
  for (let turn = 0; turn < (runs || RUNS[what]); turn++) {
    for (const way of ["ours", "whole"]) found[way].push(await once(way, what));
  }
  const ours = medians(found.ours);
  const whole = medians(found.whole);
  for (const [way, one] of Object.entries({ ours, whole })) console.log(row(what, way, one));
  const task = ratio(whole.longestTask, ours.longestTask);
  console.log(
    `| ${what} | whole / ours | | | ${ratio(whole.dropped, ours.dropped)} | ${task} | ${ratio(whole.longestGap, ours.longestGap)} |`,
  );
}
await browser.close();

async function once(way, what) {
  const page = await browser.newPage({ viewport: { width: 920, height: 720 } });
  page.on("pageerror", (error) => console.error(String(error)));
  await page.goto(String(new URL("index.html", import.meta.url)));
  await page.evaluate(([way, what]) => globalThis.prepare(way, what), [way, what]);
  const tasks = await watchTasks(page);
  const figures = await page.evaluate(() => globalThis.measure());
  const longestTask = Math.max(0, ...(await tasks()));
  await page.close();
  return { ...figures, longestTask };
}

/** Every task of the page's main thread, in milliseconds: the page itself is told only of those above 50. */
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
    const tasks = events.filter(({ name, pid, tid }) => name === "RunTask" && threads.has(`${pid}:${tid}`));
    return tasks.map(({ dur = 0 }) => dur / 1000);
  };
}

function medians(all) {
  const middle = (values) => values.sort((one, other) => one - other)[Math.floor(values.length / 2)];
  return Object.fromEntries(Object.keys(all[0]).map((key) => [key, middle(all.map((one) => one[key]))]));
}

function ratio(whole, ours) {
  return ours ? `${(whole / ours).toFixed(1)} ×` : "∞";
}

function row(what, way, { seconds, frames, dropped, longestTask, longestGap }) {
  return `| ${what} | ${way} | ${seconds.toFixed(1)} | ${frames} | ${dropped} | ${longestTask.toFixed(0)} | ${longestGap.toFixed(0)} |`;
}
