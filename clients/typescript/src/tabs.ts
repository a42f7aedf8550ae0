import type { Access } from "./access.js";
import type { SignedOutReason } from "./errors.js";

/** Messages between the tabs of a browser. They are never stored. */
export type TabMessage =
  | { kind: "access"; access: Access }
  | { kind: "ended"; sessionId: string; reason: SignedOutReason };

/** The browser APIs in use. Tests replace them. */
export interface Platform {
  locks?: Pick<LockManager, "request"> | undefined;
  channel?: ((name: string) => BroadcastChannel) | undefined;
}

const SETTLE_MS = 50;

/**
 * Mutual exclusion: by a queue within the tab, and by a Web Lock between tabs.
 *
 * Without Web Locks, tabs may refresh at the same time. The service supports that: within 30 seconds
 * the same token gets the same new token.
 */
export class Tabs {
  private readonly channel: BroadcastChannel | undefined;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly name: string,
    private readonly platform: Platform,
    receive: (message: TabMessage) => void,
  ) {
    this.channel = platform.channel?.(name);
    if (this.channel) this.channel.onmessage = (event: MessageEvent<TabMessage>) => receive(event.data);
    // Node keeps a process alive for an open channel; a browser has no such method.
    (this.channel as { unref?: () => void } | undefined)?.unref?.();
  }

  send(message: TabMessage): void {
    this.channel?.postMessage(message);
  }

  /** Run `work` exclusively, after processing the messages of the previous holder. */
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
    // Twice: immediately if the lock is free, so that only waiting tabs also wait for messages.
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
