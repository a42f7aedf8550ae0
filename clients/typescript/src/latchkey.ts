import type { Access } from "./access.js";
import { remember, unwrapped } from "./answers.js";
import { endsSession, errorOf, isTemporary, LatchkeyError, type SignedOutReason } from "./errors.js";
import { type Client, createClient } from "./generated/client/index.js";
import * as operations from "./generated/sdk.gen.js";
import type { AccountView, ExportView, LoginBody, RegisterBody, SessionView } from "./generated/types.gen.js";
import { TokenManager, memoryTokenStore, type SignedIn, type TokenStore, type Tokens } from "./token-manager.js";
import { browserPlatform, type Platform } from "./tabs.js";

export interface ReauthenticationRequest {
  /** 1 at first, 2 after a wrong password, … */
  attempt: number;
  /** The error of the last attempt. */
  error: LatchkeyError | null;
}

export interface LatchkeyOptions {
  /**
   * `cookie`: for pages. The refresh token is in an HttpOnly cookie, and all tabs are signed in together.
   * `bearer`: for native apps and programs. The refresh token is in `tokenStore`.
   */
  mode: "cookie" | "bearer";
  /** The service's origin: `https://accounts.example.com`. Not needed for pages of the same origin. */
  baseUrl?: string;
  /** The store of the refresh token in bearer mode. Default: memory. */
  tokenStore?: TokenStore;
  /** Called once with the reason when the session has ended, here or elsewhere. */
  onSignedOut?: (reason: SignedOutReason) => void;
  /**
   * Called when an operation requires a recent authentication: ask for the password and return it, or null
   * to give up. The waiting requests are then repeated. It is called once for all of them.
   */
  onReauthenticationRequired?: (request: ReauthenticationRequest) => Promise<string | null>;
  /** The timeout of a request. API Gateway's own is 30 seconds. */
  timeoutSeconds?: number;
  /** A read with a transient error is repeated twice, unless it must wait longer than this. */
  retryWithinSeconds?: number;
  fetch?: typeof fetch;
  /** For tests: the clock, randomness and browser APIs. */
  environment?: Partial<Environment>;
}

export interface Environment {
  platform: Platform;
  now: () => number;
  random: () => number;
  wait: (ms: number) => Promise<void>;
}

type Operations = typeof operations;
type Given = "body" | "path" | "query" | "headers" | "signal" | "keepalive";
type OptionsOf<O> = Pick<NonNullable<O>, Extract<keyof NonNullable<O>, Given>>;
type Bound<F extends (...options: any) => any> =
  Parameters<F> extends [infer O]
    ? (options: OptionsOf<O>) => Promise<Exclude<Awaited<ReturnType<F>>, undefined>>
    : (options?: OptionsOf<Parameters<F>[0]>) => Promise<Exclude<Awaited<ReturnType<F>>, undefined>>;

/** Operations that return tokens have their own methods without them. */
type Own = "login" | "register" | "refresh" | "reauthenticate" | "logout";

/** Every operation of openapi.json by its name: takes `{path, query, body, headers, signal}` and returns the data. */
export type LatchkeyOperations = { [Name in Exclude<keyof Operations, Own>]: Bound<Operations[Name]> };

export interface Entered {
  session: SessionView;
  user: AccountView;
}

export interface Latchkey extends LatchkeyOperations {
  /** The signed-in person. Also null before the first request or `resume()`. */
  readonly signedIn: SignedIn | null;
  /** The reason of the sign-out, if known. */
  readonly signedOut: SignedOutReason | null;
  /** Subscribe to changes of `signedIn`. Returns a function to unsubscribe. */
  subscribe(listener: () => void): () => void;
  /** Restore the sign-in of an earlier visit or another tab, by asking the service. */
  resume(): Promise<SignedIn | null>;
  login(body: Omit<LoginBody, "token_transport">): Promise<Entered>;
  /** Null: the address must be confirmed first, and an email is on its way. */
  register(body: Omit<RegisterBody, "token_transport">): Promise<Entered | null>;
  /** Sign this device out in all tabs. Rejects if the service was not reached; the device is still signed in then. */
  logout(): Promise<void>;
  /** Authenticate again. `onReauthenticationRequired` does this when needed. */
  reauthenticate(password: string): Promise<void>;
  /** Refresh the access token now. This happens automatically when needed. */
  refresh(): Promise<void>;
  /** Upload a picture (JPEG, PNG or WebP, up to 5 MiB) to storage, and use it. */
  uploadAvatar(picture: Blob, options?: { ifMatch?: string; signal?: AbortSignal }): Promise<AccountView>;
  /** Wait until an export is ready, has failed or has expired. */
  waitForExport(exportId: string, options?: { signal?: AbortSignal; onProgress?: (now: ExportView) => void }): Promise<ExportView>;
  /** An access token for another API that Latchkey's authorizer protects. */
  accessToken(): Promise<string>;
  /** The `client` of the generated functions. */
  readonly client: Client;
  /** Stop listening to other tabs. */
  close(): void;
}

const MAX_ATTEMPTS = 3;
const PAUSE_MS = 300;
const EXPORT_POLL_MS = 1_500;

/** Errors of a token that a refresh may solve. */
const STALE = new Set(["TOKEN_EXPIRED", "TOKEN_INVALID", "TOKEN_MISSING"]);

export function createLatchkey(options: LatchkeyOptions): Latchkey {
  const cookie = options.mode === "cookie";
  const send = options.fetch ?? ((request: RequestInfo | URL, init?: RequestInit) => fetch(request, init));
  const timeoutMs = (options.timeoutSeconds ?? 35) * 1000;
  const patienceSeconds = options.retryWithinSeconds ?? 5;
  const { now, random, wait, platform }: Environment = {
    platform: browserPlatform(),
    now: Date.now,
    random: Math.random,
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    ...options.environment,
  };

  const client = createClient({
    baseUrl: options.baseUrl ?? "",
    throwOnError: true,
    parseAs: "json",
    credentials: cookie ? "include" : "omit",
    cache: "no-store",
    headers: { accept: "application/json" },
    responseTransformer: async (body) => unwrapped(body),
    fetch: (request) => dispatch(request as Request),
  });
  const needsToken = new WeakSet<Request>();
  client.interceptors.request.use((request, { security }) => {
    if (security) needsToken.add(request);
    return request;
  });

  const tokenManager = new TokenManager({
    name: `latchkey:${options.baseUrl ?? ""}`,
    platform,
    store: cookie ? null : (options.tokenStore ?? memoryTokenStore()),
    send: (refreshToken) => call(operations.refresh, refreshToken === null ? {} : { body: { refresh_token: refreshToken } }),
    onSignedOut: (reason) => options.onSignedOut?.(reason),
    now,
    random,
    wait,
  });

  /** One HTTP request. */
  async function transmit(request: Request): Promise<Response> {
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const answer = await send(new Request(request, { signal: AbortSignal.any([request.signal, timeout]) }));
      if (answer.ok) return answer;
      throw await errorOf(answer);
    } catch (cause) {
      if (cause instanceof LatchkeyError) throw cause;
      request.signal.throwIfAborted();
      throw timeout.aborted
        ? new LatchkeyError("TIMEOUT", `There was no response within ${timeoutMs / 1000} seconds.`, { status: 0, cause })
        : new LatchkeyError("NETWORK_ERROR", "The service was not reached.", { status: 0, cause });
    }
  }

  /** Repeats reads with transient errors. Callers repeat changes themselves. */
  async function sendWithRetries(request: Request): Promise<Response> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await transmit(request.clone());
      } catch (error) {
        const after = error instanceof LatchkeyError ? (error.retryAfterSeconds ?? 0) : 0;
        if (request.method !== "GET" || !isTemporary(error) || attempt === MAX_ATTEMPTS || after > patienceSeconds) throw error;
        await abortable(wait(Math.max(after * 1000, PAUSE_MS * 2 ** attempt * (0.5 + random() / 2))), request.signal);
      }
    }
  }

  async function dispatch(request: Request): Promise<Response> {
    if (!needsToken.has(request)) return sendWithRetries(request);
    let access = await abortable(tokenManager.usable(), request.signal);
    const { accountId } = access;
    let refreshed = false;
    let steppedUp = false;
    for (;;) {
      const attempt = request.clone();
      attempt.headers.set("authorization", `Bearer ${access.token}`);
      try {
        return await sendWithRetries(attempt);
      } catch (error) {
        if (!(error instanceof LatchkeyError)) throw error;
        if (error.status === 401 && STALE.has(error.code) && !refreshed) {
          refreshed = true;
          access = await abortable(tokenManager.refresh(access), request.signal);
        } else if (error.code === "REAUTHENTICATION_REQUIRED" && options.onReauthenticationRequired && !steppedUp) {
          steppedUp = true;
          access = await abortable(stepUp(access, error), request.signal);
        } else {
          if (endsSession(error)) await tokenManager.end(error.code as SignedOutReason, access.sessionId);
          throw error;
        }
        // Never repeat a request for another person.
        if (access.accountId !== accountId) {
          throw new LatchkeyError("ACCOUNT_CHANGED", "Somebody else has signed in meanwhile.", { status: 0, cause: error });
        }
      }
    }
  }

  let steppingUp: Promise<Access> | null = null;

  function stepUp(stale: Access, refusal: LatchkeyError): Promise<Access> {
    steppingUp ??= (async () => {
      const usable = await tokenManager.usable();
      if (usable.authTime > stale.authTime) return usable;
      let error: LatchkeyError | null = null;
      for (let attempt = 1; ; attempt += 1) {
        const password = await options.onReauthenticationRequired!({ attempt, error });
        if (password === null) throw refusal;
        try {
          return tokenManager.stepUp(await call(operations.reauthenticate, { body: { password } }));
        } catch (cause) {
          if (!(cause instanceof LatchkeyError) || cause.code !== "INVALID_CREDENTIALS") throw cause;
          error = cause;
        }
      }
    })().finally(() => {
      steppingUp = null;
    });
    return steppingUp;
  }

  /** Call an operation and return its data. */
  async function call(operation: (options: any) => Promise<unknown>, given: object = {}): Promise<any> {
    const { data, response } = (await operation({ ...given, client, responseStyle: "fields" })) as { data: unknown; response: Response };
    remember(data, response);
    return data;
  }

  const transport = { token_transport: cookie ? ("cookie" as const) : ("body" as const) };

  async function enter(operation: (options: any) => Promise<unknown>, body: object): Promise<any> {
    const entered = await tokenManager.enter<Tokens & Entered>(() => call(operation, { body: { ...body, ...transport } }));
    return entered && { session: entered.session, user: entered.user };
  }

  const bound = Object.fromEntries(
    Object.entries(operations).map(([name, operation]) => [name, (given?: object) => call(operation, given)]),
  ) as unknown as LatchkeyOperations;

  /** Operations that may end the current session. */
  async function ending<T>(work: Promise<T>, ends: boolean, reason: SignedOutReason = "SIGNED_OUT"): Promise<T> {
    const sessionId = tokenManager.current?.sessionId ?? null;
    const data = await work;
    if (ends) await tokenManager.end(reason, sessionId ?? tokenManager.current?.sessionId ?? null);
    return data;
  }

  const own: Omit<Latchkey, keyof LatchkeyOperations> & Partial<LatchkeyOperations> = {
    client,
    get signedIn() {
      return tokenManager.current;
    },
    get signedOut() {
      return tokenManager.signedOut;
    },
    subscribe: (listener) => tokenManager.subscribe(listener),
    close: () => tokenManager.close(),

    async resume() {
      if (tokenManager.current) return tokenManager.current;
      tokenManager.reset();
      try {
        await tokenManager.usable();
      } catch (error) {
        if (!(error instanceof LatchkeyError && error.code === "NOT_SIGNED_IN")) throw error;
      }
      return tokenManager.current;
    },
    login: (body) => enter(operations.login, body),
    register: (body) => enter(operations.register, body),
    async logout() {
      try {
        await call(operations.logout);
      } catch (error) {
        if (!(error instanceof LatchkeyError)) throw error;
        if (error.code !== "NOT_SIGNED_IN" && !endsSession(error)) throw error;
      }
      await tokenManager.end("SIGNED_OUT", tokenManager.current?.sessionId ?? null);
    },
    async reauthenticate(password) {
      tokenManager.stepUp(await call(operations.reauthenticate, { body: { password } }));
    },
    async refresh() {
      await tokenManager.refresh(await tokenManager.usable());
    },
    async accessToken() {
      return (await tokenManager.usable()).token;
    },

    deleteMe: (given) => ending(bound.deleteMe(given), true, "ACCOUNT_DELETED"),
    revokeAllSessions: (given) => ending(bound.revokeAllSessions(given), true),
    revokeSessions: (given) => ending(bound.revokeSessions(given), given?.query?.scope === "all"),
    revokeSession: (given) => ending(bound.revokeSession(given), given.path.session_id === tokenManager.current?.sessionId),

    async uploadAvatar(picture, { ifMatch, signal } = {}) {
      const given = signal ? { signal } : {};
      const upload = await bound.createAvatarUpload({ ...given, body: { content_type: picture.type as "image/png" } });
      const form = new FormData();
      for (const [name, value] of Object.entries(upload.fields)) form.append(name, value);
      form.append("file", picture);
      // Directly to storage, without tokens or cookies.
      await transmit(new Request(upload.url, { ...given, method: "POST", body: form, credentials: "omit" }));
      return bound.replaceAvatar({
        ...given,
        body: { upload_id: upload.upload_id },
        ...(ifMatch === undefined ? {} : { headers: { "If-Match": ifMatch } }),
      });
    },

    async waitForExport(exportId, { signal, onProgress } = {}) {
      for (;;) {
        const job = await bound.getExport({ path: { export_id: exportId }, ...(signal ? { signal } : {}) });
        onProgress?.(job);
        if (job.status !== "queued" && job.status !== "running") return job;
        await abortable(wait(EXPORT_POLL_MS), signal);
      }
    },
  };
  // Not spread, because getters must stay getters.
  return Object.defineProperties({ ...bound } as Latchkey, Object.getOwnPropertyDescriptors(own));
}

/** The caller stops waiting. The promise continues for others. */
function abortable<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
