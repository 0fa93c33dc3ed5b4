/** A live reply as its view hears it, without a widget: straight from the messages of the kernel, whoever displayed it. */

import { ask } from "../widget/asking.js";
import type { Message, ReplyModel } from "../widget/assets.js";
import type { Kernel, WireMessage } from "../widget/kernel.js";

/** What the kernel writes beside a reply that is not finished. */
export interface Live {
  id: string;
  version: string;
  /** The id of the comm on which the kernel tells of it. */
  comm: string;
  show_thinking: boolean;
}

export type Answer = Extract<Message, { type: "reply" }> & { picture?: Record<string, unknown> };

export class LiveModel implements ReplyModel {
  /** What was heard before somebody drew it. */
  magistral: Message[] = [];
  private readonly traits: Record<string, unknown>;
  private isDrawn = false;
  private readonly heard = new Set<(message: Message) => void>();

  constructor(
    readonly kernel: Kernel,
    private readonly live: Live,
  ) {
    this.traits = { version: live.version, reply_id: live.id, show_thinking: live.show_thinking };
    kernel.anyMessage?.connect(this.hearAny);
    kernel.connectionStatusChanged?.connect(this.hearConnection);
  }

  get(name: string): unknown {
    return this.traits[name];
  }

  on(_: string, hear: (...args: never[]) => void): void {
    this.heard.add(hear as (message: Message) => void);
  }

  off(_: string, hear: (...args: never[]) => void): void {
    this.heard.delete(hear as (message: Message) => void);
  }

  /** There is no widget that would hear it. */
  send(): void {}

  tell(type: string): void {
    if (type === "whole") void this.catchUp();
    else if (type !== "hello") void ask(this.kernel, { type, id: this.live.id });
  }

  /** Say that the page draws this reply, and return how it stands: null if the kernel does not know it. */
  async follow(): Promise<Answer | null> {
    const answer = (await ask(this.kernel, { type: "follow", id: this.live.id })) as Answer | null;
    if (answer?.type !== "reply") return null;
    Object.assign(this.traits, { reply: answer.reply, seen: answer.seq, live: answer.live });
    return answer;
  }

  /** From now on it is drawn: nothing needs to be gathered any more. */
  drawn(): void {
    this.isDrawn = true;
    this.magistral = [];
  }

  forget(): void {
    this.kernel.anyMessage?.disconnect(this.hearAny);
    this.kernel.connectionStatusChanged?.disconnect(this.hearConnection);
  }

  private async catchUp(): Promise<void> {
    const answer = await this.follow();
    if (answer) this.hear(answer);
  }

  private readonly hearAny = (_: unknown, { msg, direction }: { msg: WireMessage; direction: string }): void => {
    if (direction !== "recv" || msg.header.msg_type !== "comm_msg") return;
    const { comm_id, data } = msg.content as { comm_id?: string; data?: { method?: string; content?: Message } };
    if (comm_id === this.live.comm && data?.method === "custom" && data.content) this.hear(data.content);
  };

  /** What was said while there was no connection was missed. */
  private readonly hearConnection = (_: unknown, status: string): void => {
    if (status === "connected") void this.catchUp();
  };

  private hear(message: Message): void {
    if (!this.isDrawn) this.magistral.push(message);
    for (const hear of [...this.heard]) hear(message);
  }
}
