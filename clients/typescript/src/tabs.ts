import type { Access } from "./access.js";
import type { SignedOutReason } from "./errors.js";

/** What the tabs of one browser tell each other. It stays in memory: nothing of it is ever stored. */
export type TabMessage =
  | { kind: "access"; access: Access }
  | { kind: "ended"; sessionId: string; reason: SignedOutReason };

/** What of the browser this needs; tests bring their own. */
export interface Platform {
  locks?: Pick<LockManager, "request"> | undefined;
  channel?: ((name: string) => BroadcastChannel) | undefined;
}

const SETTLE_MS = 50;

/**
 * One turn at a time: in this tab by a queue, among the tabs by a Web Lock.
 *
 * Where there are no Web Locks, tabs may refresh at the same moment. The service is built for that:
 * within 30 seconds the same token gets the same successor.
 */
export class Tabs {
  private readonly channel: BroadcastChannel | undefined;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly name: string,
    private readonly platform: Platform,
    hear: (message: TabMessage) => void,
  ) {
    this.channel = platform.channel?.(name);
    if (this.channel) this.channel.onmessage = (event: MessageEvent<TabMessage>) => hear(event.data);
    // Node keeps a process alive for an open channel; a browser has no such method.
    (this.channel as { unref?: () => void } | undefined)?.unref?.();
  }

  tell(message: TabMessage): void {
    this.channel?.postMessage(message);
  }

  /** Run `work` when nobody else has the turn, after hearing what whoever had it has to say. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(
      () => this.locked(work),
      () => this.locked(work),
    );
    this.last = turn.catch(() => undefined);
    return turn;
  }

  close(): void {
    this.channel?.close();
  }

  private async locked<T>(work: () => Promise<T>): Promise<T> {
    const { locks } = this.platform;
    if (!locks) return work();
    // Twice: at once if it is free, so that only those who had to wait also wait for the news.
    const free = await locks.request(this.name, { ifAvailable: true }, async (lock) => (lock ? { value: await work() } : null));
    if (free) return free.value;
    return locks.request(this.name, async () => {
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      return work();
    }) as Promise<T>;
  }
}

export function browserPlatform(): Platform {
  return {
    locks: globalThis.navigator?.locks,
    channel: typeof BroadcastChannel === "undefined" ? undefined : (name) => new BroadcastChannel(name),
  };
}
