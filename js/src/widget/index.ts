/**
 * Door 1, as each widget carries it: finds the bundle in the page, and draws plain text until it is there.
 *
 * It is sent with every live reply, so it is kept below 1.5 KB: no import but types. Messages are gathered from
 * `initialize` on, because anywidget calls `render` later than the first of them comes.
 */

import type { Bundle, Message, ReplyModel, Slot } from "./assets.js";

type Gathered = ReplyModel & { magistral?: Message[] | undefined };
type Said = { text: string; reply?: { answer?: string } | null };

const page = globalThis as unknown as Record<symbol, Slot>;
const KEY = Symbol.for("magistral_nb.assets");

function slot(): Slot {
  page[KEY] ??= { bundles: new Map(), heard: new Set() };
  return page[KEY];
}

function find(version: string): Promise<Bundle> | undefined {
  const { bundles, load } = slot();
  if (!bundles.has(version) && load?.version === version) bundles.set(version, load.get());
  return bundles.get(version);
}

/** The model of the `Assets` widget (see `Assets` in README.md) unpacks the bundle into the slot. */
async function unpack(model: ReplyModel): Promise<void> {
  const { bundles, heard } = slot();
  const version = model.get("version") as string;
  const packed = model.get("bundle") as DataView<ArrayBuffer> | null;
  if (!packed?.byteLength || find(version)) return;
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const code = new Response(unpacked)
    .blob()
    .then((blob) => URL.createObjectURL(blob.slice(0, blob.size, "text/javascript")));
  bundles.set(
    version,
    code.then((url) => import(url)),
  );
  for (const hear of heard) hear();
}

function idOf(model: ReplyModel): string {
  return (model.get("panel_id") ?? model.get("reply_id") ?? "") as string;
}

function initialize({ model }: { model: Gathered }): (() => void) | undefined {
  if (model.get("bundle")) {
    void unpack(model);
    return;
  }
  model.magistral = [];
  model.on("msg:custom", (message: Message) => model.magistral?.push(message));
  const id = idOf(model);
  if (!id) return;
  const here = slot();
  here.models ??= new Map();
  here.models.set(id, model);
  for (const hear of here.heard) hear();
  return () => here.models?.delete(id);
}

function render({ model: given, el }: { model: Gathered; el: HTMLElement }): () => void {
  const model = slot().models?.get(idOf(given)) ?? given; // anywidget makes another object for each view
  const text = el.appendChild(document.createElement("pre"));
  text.style.whiteSpace = "pre-wrap";
  const plain = () => {
    const said = ((model.get("messages") ?? []) as Said[]).map((one) => `${one.text}\n${one.reply?.answer ?? ""}\n\n`);
    const heard = (model.magistral ?? [])
      .flatMap((one) => (one.type === "events" ? one.events : []))
      .map((one) => ("text" in one ? one.text : ""));
    text.textContent = [...said, ...heard].join("");
  };
  let isGone = false;
  let done = () => {};
  const look = () => {
    find(model.get("version") as string)?.then(
      (bundle) => {
        slot().heard.delete(look);
        if (isGone || text.parentNode !== el) return;
        model.off("msg:custom", plain);
        text.remove();
        done = bundle[model.get("kind") === "panel" ? "renderPanel" : "renderReply"](el, model);
      },
      () => {}, // the plain text stays
    );
  };
  plain();
  model.on("msg:custom", plain);
  slot().heard.add(look);
  look();
  return () => {
    isGone = true;
    slot().heard.delete(look);
    done();
  };
}

export default { initialize, render };
