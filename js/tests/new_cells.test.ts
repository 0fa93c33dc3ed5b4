import { beforeEach, describe, expect, test, vi } from "vitest";
import { type Heard, type Kernel, type SharedNotebook, watchNotebooks } from "../src/lab/new_cells.js";

class Signal<Args> {
  private readonly heard = new Set<(sender: never, args: Args) => void>();
  connect(hear: (sender: never, args: Args) => void): void {
    this.heard.add(hear);
  }
  disconnect(hear: (sender: never, args: Args) => void): void {
    this.heard.delete(hear);
  }
  emit(sender: unknown, args: Args): void {
    for (const hear of [...this.heard]) hear(sender as never, args);
  }
}

let made = 0;
class Notebook {
  cells: { id: string; getSource(): string; setSource(code: string): void }[] = [];
  readonly changed = new Signal<unknown>();
  transact(change: () => void): void {
    change();
  }
  insertCells(index: number, cells: { source: string }[]): void {
    const fresh = cells.map(({ source }) => {
      made += 1;
      let now = source;
      const setSource = (code: string): void => {
        now = code;
      };
      return { id: `cell-${made}`, getSource: () => now, setSource };
    });
    this.cells.splice(index, 0, ...fresh);
    this.changed.emit(this, {});
  }
  get sources(): string[] {
    return this.cells.map((cell) => cell.getSource());
  }
}

const CELLS = ["# read me\na = 1", "# read me\nb = 2", "# read me\nc = 3"];
const JOINED = "all of them";

let notebook: Notebook;
let anyMessage: Signal<Heard>;
let kernel: Kernel;
let session: { kernel: Kernel | null } | null;
let kernelChanged: Signal<unknown>;
let currentChanged: Signal<unknown>;
let panels: unknown[];

beforeEach(() => {
  notebook = new Notebook();
  notebook.insertCells(0, [{ source: "%%magistral" }, { source: "last" }]);
  anyMessage = new Signal();
  kernel = { clientId: "me", anyMessage } as unknown as Kernel;
  session = { kernel };
  kernelChanged = new Signal();
  currentChanged = new Signal();
  const context = { model: { sharedModel: notebook as unknown as SharedNotebook } };
  const sessionContext = {
    get session() {
      return session;
    },
    kernelChanged,
  };
  panels = [{}, { sessionContext, context }, { sessionContext, context }]; // a launcher, and two views of one notebook
});

const watch = (): void => watchNotebooks({ widgets: () => panels, currentChanged: currentChanged as never });

function told(field: unknown = { cells: CELLS }, change: Partial<Heard["msg"]> = {}, direction = "recv"): void {
  const payload = [{ source: "set_next_input", text: JOINED, replace: false, magistral_nb: field }];
  const header = { msg_type: "execute_reply" };
  anyMessage.emit(kernel, {
    direction,
    msg: { header, parent_header: { session: "me" }, content: { status: "ok", payload }, ...change },
  });
}

/** What JupyterLab does next. */
async function insert(source = JOINED): Promise<string[]> {
  notebook.insertCells(1, [{ source }]);
  await Promise.resolve();
  return notebook.sources;
}

describe("one cell for each block", () => {
  test("the cell that JupyterLab makes becomes several, once for two views", async () => {
    watch();
    currentChanged.emit(null, {});
    told();
    expect(await insert()).toEqual(["%%magistral", ...CELLS, "last"]);
  });

  test("a notebook that is opened later, and a kernel that comes later, are heard too", async () => {
    const later = panels;
    panels = [];
    session = null;
    watch();
    panels = later;
    currentChanged.emit(null, {});
    session = { kernel };
    kernelChanged.emit(null, {});
    kernelChanged.emit(null, {});
    told();
    expect(await insert()).toEqual(["%%magistral", ...CELLS, "last"]);
  });

  test("the same cell is left alone where nobody told of it, or where it stood before", async () => {
    watch();
    expect(await insert()).toEqual(["%%magistral", JOINED, "last"]);
    told();
    expect(await insert("typed meanwhile")).toEqual(["%%magistral", "typed meanwhile", JOINED, "last"]);
  });

  test("each word of the kernel's makes cells once", async () => {
    watch();
    told();
    await insert();
    expect(await insert()).toEqual(["%%magistral", JOINED, ...CELLS, "last"]);
  });

  test("two questions of a run may have the same answer", async () => {
    watch();
    told();
    told();
    await insert();
    expect(await insert()).toEqual(["%%magistral", ...CELLS, ...CELLS, "last"]);
  });

  test("a cell that comes late is left alone", async () => {
    vi.useFakeTimers();
    watch();
    told();
    vi.advanceTimersByTime(10_001);
    vi.useRealTimers();
    expect(await insert()).toEqual(["%%magistral", JOINED, "last"]);
  });

  test.each([
    ["another page's cell", () => told(undefined, { parent_header: { session: "other" } })],
    ["what the page itself sends", () => told(undefined, {}, "send")],
    ["another message", () => told(undefined, { header: { msg_type: "execute_result" } })],
    ["an error without a payload", () => told(undefined, { content: { status: "error" } })],
    ["one block", () => told({ cells: ["a"] })],
    ["what is no text", () => told({ cells: ["a", 1] })],
    ["no list", () => told({ cells: "ab" })],
    ["nothing", () => told(null)],
  ])("%s makes no cells", async (_, tell) => {
    watch();
    tell();
    expect(await insert()).toEqual(["%%magistral", JOINED, "last"]);
  });
});
