import { type Access, accessOf } from "./access.js";
import { endsSession, isTemporary, LatchkeyError, type SignedOutReason } from "./errors.js";
import { type Platform, Tabs, type TabMessage } from "./tabs.js";

/** Storage for the refresh token of a native app, such as the keychain. Never use Web Storage. */
export interface TokenStore {
  get(): string | null | Promise<string | null>;
  /** Null: delete it. */
  set(refreshToken: string | null): void | Promise<void>;
}

/** Keeps the refresh token in memory. */
export function memoryTokenStore(refreshToken: string | null = null): TokenStore {
  let kept = refreshToken;
  return {
    get: () => kept,
    set(token) {
      kept = token;
    },
  };
}

/** The signed-in person. */
export interface SignedIn {
  readonly accountId: string;
  readonly sessionId: string;
  readonly role: string;
  /** The time of the last authentication. */
  readonly authenticatedAt: Date;
}

export interface Tokens {
  access_token: string;
  expires_in: number;
  refresh_token?: string | null;
}

interface Needs {
  name: string;
  platform: Platform;
  /** Null in cookie mode: the browser has the refresh token in an HttpOnly cookie. */
  store: TokenStore | null;
  /** Send the refresh. A null token means the cookie. */
  send: (refreshToken: string | null) => Promise<Tokens>;
  onSignedOut: (reason: SignedOutReason) => void;
  now: () => number;
  random: () => number;
  wait: (ms: number) => Promise<void>;
}

/** Refresh in parallel with a request if less than this is left … */
const SOON_MS = 60_000;
/** … minus a random time up to this, so that devices do not refresh at the same time. */
const JITTER_MS = 30_000;
/** With less than this left a request waits for the new token, because the old one could expire in transit. */
const TOO_LATE_MS = 5_000;
/** A refresh may be repeated: for 30 seconds the service returns the same new token. */
const REFRESH_ATTEMPTS = 3;
const REFRESH_PAUSE_MS = 400;
const REFRESH_PATIENCE_SECONDS = 5;

/** Manages the tokens. The access token is only in this object. */
export class TokenManager {
  signedOut: SignedOutReason | null = null;
  private access: Access | null = null;
  private shown: SignedIn | null = null;
  private refreshing: Promise<Access> | null = null;
  /** Counts sign-outs, so that an earlier refresh does not sign in again. */
  private signOutCount = 0;
  private jitter = 0;
  private readonly tabs: Tabs;
  private readonly listeners = new Set<() => void>();

  constructor(private readonly needs: Needs) {
    this.tabs = new Tabs(needs.name, needs.store ? {} : needs.platform, (message) => this.receive(message));
  }

  get current(): SignedIn | null {
    return this.shown;
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(): void {
    this.tabs.close();
    this.listeners.clear();
  }

  /** A token that is valid for a request now. */
  async usable(): Promise<Access> {
    const remaining = this.remaining(this.access);
    if (this.access === null || remaining <= TOO_LATE_MS) return this.refresh(this.access);
    // Its failure must not fail the request that started it.
    if (remaining <= SOON_MS - this.jitter) this.refresh(this.access).catch(() => undefined);
    return this.access;
  }

  /** A newer token than `stale`, with one refresh for all callers. */
  refresh(stale: Access | null): Promise<Access> {
    if (this.newerThan(stale)) return Promise.resolve(this.access!);
    if (this.access === null && this.signedOut !== null) return Promise.reject(notSignedIn(this.signedOut));
    this.refreshing ??= this.tabs
      .exclusive(async () => (this.newerThan(stale) ? this.access! : this.renew()))
      .finally(() => {
        this.refreshing = null;
      });
    return this.refreshing;
  }

  /** Sign in, exclusively for the refresh token. */
  async enter<T extends Tokens>(send: () => Promise<T | null>): Promise<T | null> {
    return this.tabs.exclusive(async () => {
      const tokens = await send();
      if (tokens) await this.take(tokens, true);
      return tokens;
    });
  }

  /** A token of the same session with a later `auth_time`. */
  stepUp(tokens: Tokens): Access {
    const access = accessOf(tokens, this.needs.now());
    this.install(access, true);
    return access;
  }

  /** Sign out locally. A response about an earlier session is ignored. */
  async end(reason: SignedOutReason, sessionId: string | null): Promise<void> {
    const previous = this.access;
    if (sessionId !== null && previous?.sessionId !== sessionId) return;
    if (previous) this.tabs.send({ kind: "ended", sessionId: previous.sessionId, reason });
    this.forget(reason);
    await this.needs.store?.set(null);
  }

  /** Allow the cookie again after `signedOut`. */
  reset(): void {
    this.signedOut = null;
  }

  private async renew(): Promise<Access> {
    const { signOutCount, access: before } = this;
    const refreshToken = this.needs.store ? await this.needs.store.get() : null;
    if (this.needs.store && refreshToken === null) {
      this.forget(before ? "REFRESH_TOKEN_INVALID" : null);
      throw notSignedIn();
    }
    try {
      const tokens = await this.withRetries(() => this.needs.send(refreshToken));
      if (this.signOutCount !== signOutCount) throw notSignedIn(this.signedOut);
      return await this.take(tokens, false);
    } catch (error) {
      if (!(error instanceof LatchkeyError) || !endsSession(error)) throw error;
      // A sign-in happened in the meantime: the error is about the old cookie.
      if (this.access !== before && this.access !== null) return this.access;
      if (this.signOutCount !== signOutCount) throw notSignedIn(this.signedOut);
      await this.end(error.code as SignedOutReason, before?.sessionId ?? null);
      throw before ? error : notSignedIn(error.code as SignedOutReason, error);
    }
  }

  private async withRetries<T>(send: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await send();
      } catch (error) {
        const after = error instanceof LatchkeyError ? (error.retryAfterSeconds ?? 0) : 0;
        if (!isTemporary(error) || attempt === REFRESH_ATTEMPTS || after > REFRESH_PATIENCE_SECONDS) throw error;
        await this.needs.wait(Math.max(after * 1000, REFRESH_PAUSE_MS * 2 ** attempt * (0.5 + this.needs.random() / 2)));
      }
    }
  }

  private async take(tokens: Tokens, signIn: boolean): Promise<Access> {
    // Stored before it is used, so that it survives a crash.
    if (this.needs.store && tokens.refresh_token) await this.needs.store.set(tokens.refresh_token);
    const access = accessOf(tokens, this.needs.now());
    this.install(access, true, signIn);
    return access;
  }

  private install(access: Access, share: boolean, always = false): void {
    // An older refresh must not replace the token of a step-up.
    const overtaken = this.access?.sessionId === access.sessionId && this.access.authTime > access.authTime && this.remaining(this.access) > SOON_MS;
    if (overtaken && !always) return;
    this.access = access;
    this.signedOut = null;
    this.jitter = this.needs.random() * JITTER_MS;
    if (share) this.tabs.send({ kind: "access", access });
    this.show({
      accountId: access.accountId,
      sessionId: access.sessionId,
      role: access.role,
      authenticatedAt: new Date(access.authTime * 1000),
    });
  }

  private forget(reason: SignedOutReason | null): void {
    const previous = this.access;
    this.access = null;
    this.signOutCount += 1;
    this.signedOut = reason;
    this.show(null);
    if (previous && reason) this.needs.onSignedOut(reason);
  }

  private receive(message: TabMessage): void {
    if (message.kind === "access") this.install(message.access, false);
    else if (this.access?.sessionId === message.sessionId) this.forget(message.reason);
  }

  private show(next: SignedIn | null): void {
    const previous = this.shown;
    const same =
      previous?.sessionId === next?.sessionId && previous?.role === next?.role && previous?.authenticatedAt.getTime() === next?.authenticatedAt.getTime();
    if (same) return;
    this.shown = next;
    for (const listener of this.listeners) listener();
  }

  private newerThan(stale: Access | null): boolean {
    return this.access !== null && this.access.token !== stale?.token && this.remaining(this.access) > TOO_LATE_MS;
  }

  private remaining(access: Access | null): number {
    return access ? access.expiresAt - this.needs.now() : 0;
  }
}

function notSignedIn(reason: SignedOutReason | null = null, cause?: LatchkeyError): LatchkeyError {
  const why = reason && reason !== "SIGNED_OUT" ? ` (${reason})` : "";
  return new LatchkeyError("NOT_SIGNED_IN", `Nobody is signed in here${why}.`, { status: 401, requestId: cause?.requestId ?? null, cause });
}
