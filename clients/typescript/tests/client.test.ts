import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { answerOf, createLatchkey, type Latchkey, LatchkeyError, type LatchkeyOptions, memoryTokenStore } from "../src/index.js";
import { FakeLocks, FakeService, refusal, success } from "./service.js";

const ADA = { email: "ada@example.com", password: "plum kettle orbits a quiet lake" };
const REFRESH = "/api/v1/auth/refresh";

let service: FakeService;
let origin: string;
let locks: FakeLocks | undefined;
const open: Latchkey[] = [];
let origins = 0;

beforeEach(() => {
  service = new FakeService();
  locks = new FakeLocks();
  origin = `https://accounts-${++origins}.example.com`;
});

afterEach(() => {
  for (const latchkey of open.splice(0)) latchkey.close();
});

/** A tab; all tabs of a test share locks, channel and cookie. */
function tab(options: Partial<LatchkeyOptions> = {}): Latchkey {
  const latchkey = createLatchkey({
    mode: "cookie",
    baseUrl: origin,
    fetch: service.fetch,
    environment: {
      now: service.now,
      random: () => 0.5,
      wait: () => Promise.resolve(),
      platform: { locks: locks as unknown as LockManager, channel: (name) => new BroadcastChannel(name) },
    },
    ...options,
  });
  open.push(latchkey);
  return latchkey;
}

const refreshes = () => service.count("POST", REFRESH);
const news = () => new Promise((resolve) => setTimeout(resolve, 30));
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "no error",
    (error: unknown) => (error instanceof LatchkeyError ? error.code : `not a LatchkeyError: ${String(error)}`),
  );
const times = <T>(n: number, work: (i: number) => T) => Array.from({ length: n }, (_, i) => work(i));

describe("refreshing", () => {
  it("is done once for 50 requests whose token the service calls expired", async () => {
    const latchkey = tab();
    await latchkey.login(ADA);
    service.latencyMs = 2;
    const stale = `Bearer ${await latchkey.accessToken()}`;
    // This machine's clock has not noticed.
    service.before = (seen) => (seen.authorization === stale ? refusal(401, "TOKEN_EXPIRED") : undefined);
    const answers = await Promise.all(times(50, () => latchkey.getMe()));
    expect(answers).toHaveLength(50);
    expect(refreshes()).toBe(1);
    expect(service.count("GET", "/api/v1/users/me")).toBe(100);
  });

  it("is done once for 50 requests whose token this machine knows to be expired, before they leave", async () => {
    const latchkey = tab();
    await latchkey.login(ADA);
    service.time += 601;
    await Promise.all(times(50, () => latchkey.getMe()));
    expect(refreshes()).toBe(1);
    expect(service.count("GET", "/api/v1/users/me")).toBe(50);
  });

  it("is done once for five tabs with ten requests each, and the others hear of it", async () => {
    const tabs = times(5, () => tab());
    await tabs[0]!.login(ADA);
    await news();
    expect(tabs.map((one) => one.signedIn?.sessionId)).toEqual(times(5, () => "ses_1"));
    service.time += 601;
    service.latencyMs = 5;
    await Promise.all(tabs.flatMap((one) => times(10, () => one.getMe())));
    expect(refreshes()).toBe(1);
  });

  it("signs nobody out where there are no Web Locks", async () => {
    locks = undefined;
    const signedOut = vi.fn();
    const tabs = times(5, () => tab({ onSignedOut: signedOut }));
    await tabs[0]!.login(ADA);
    await news();
    service.time += 601;
    service.latencyMs = 5;
    await Promise.all(tabs.flatMap((one) => times(10, () => one.getMe())));
    expect(refreshes()).toBeLessThanOrEqual(5);
    expect(signedOut).not.toHaveBeenCalled();
  });

  it("happens beside the request when little time is left, with some left to chance", async () => {
    const latchkey = tab(); // 60 s less half of 30 s
    await latchkey.login(ADA);
    service.time += 600 - 46;
    await latchkey.getMe();
    expect(refreshes()).toBe(0);
    service.time += 2;
    await latchkey.getMe();
    await news();
    expect(refreshes()).toBe(1);
  });

  it("repeats the request once, with its body, and no more", async () => {
    const latchkey = tab();
    await latchkey.login(ADA);
    service.before = (seen) => (seen.method === "PATCH" ? refusal(401, "TOKEN_EXPIRED") : undefined);
    expect(await codeOf(latchkey.updateMe({ body: { full_name: "Ada" } }))).toBe("TOKEN_EXPIRED");
    const sent = service.seen.filter((seen) => seen.method === "PATCH");
    expect(sent.map((seen) => seen.body)).toEqual(times(2, () => '{"full_name":"Ada"}'));
    expect(sent[0]!.authorization).not.toBe(sent[1]!.authorization);
    expect(refreshes()).toBe(1);
  });

  it("survives lost answers and 503", async () => {
    const latchkey = tab();
    await latchkey.login(ADA);
    service.time += 601;
    let failures = 0;
    service.before = (seen) => {
      if (seen.path !== REFRESH || ++failures > 2) return undefined;
      if (failures === 1) throw new TypeError("connection closed");
      return refusal(503, "TEMPORARILY_UNAVAILABLE", { "retry-after": "1" });
    };
    await latchkey.getMe();
    expect(failures).toBe(3);
  });

  it("that fails for a passing reason signs nobody out", async () => {
    const onSignedOut = vi.fn();
    const latchkey = tab({ onSignedOut });
    await latchkey.login(ADA);
    service.time += 601;
    service.before = (seen) => (seen.path === REFRESH ? Response.json({ message: "Service Unavailable" }, { status: 503 }) : undefined);
    expect(await codeOf(latchkey.getMe())).toBe("GATEWAY_UNAVAILABLE");
    service.before = () => undefined;
    await latchkey.getMe();
    expect(onSignedOut).not.toHaveBeenCalled();
  });

  it("is not undone for others when one of those who wait gives up", async () => {
    const latchkey = tab();
    await latchkey.login(ADA);
    service.time += 601;
    service.latencyMs = 20;
    const controller = new AbortController();
    const given = latchkey.getMe({ signal: controller.signal });
    const other = latchkey.getMe();
    controller.abort();
    await expect(given).rejects.toMatchObject({ name: "AbortError" });
    await other;
    expect(refreshes()).toBe(1);
  });
});

describe("the end of a session", () => {
  it("is told once, with its reason, in every tab, and nothing more is sent", async () => {
    const reasons: string[] = [];
    const tabs = times(3, () => tab({ onSignedOut: (reason) => reasons.push(reason) }));
    await tabs[0]!.login(ADA);
    await news();
    service.ended.set("ses_1", "SESSION_REVOKED");
    const codes = await Promise.all(times(5, () => codeOf(tabs[1]!.getMe())));
    expect(codes).toEqual(times(5, () => "SESSION_REVOKED"));
    await news();
    expect(reasons).toEqual(times(3, () => "SESSION_REVOKED"));
    expect(tabs.map((one) => one.signedIn)).toEqual([null, null, null]);
    const sent = service.seen.length;
    expect(await codeOf(tabs[2]!.getMe())).toBe("NOT_SIGNED_IN");
    expect(service.seen).toHaveLength(sent);
  });

  it.each(["SESSION_EXPIRED", "SESSION_IDLE_TIMEOUT", "REFRESH_TOKEN_REUSED"])("is also found by a refresh: %s", async (code) => {
    const onSignedOut = vi.fn();
    const latchkey = tab({ onSignedOut });
    await latchkey.login(ADA);
    service.ended.set("ses_1", code);
    service.time += 601;
    expect(await codeOf(latchkey.getMe())).toBe(code);
    expect(onSignedOut.mock.calls).toEqual([[code]]);
    expect(latchkey.signedOut).toBe(code);
  });

  it("is not taken from a late answer about an earlier session", async () => {
    const onSignedOut = vi.fn();
    const latchkey = tab({ onSignedOut });
    await latchkey.login(ADA);
    let release = () => {};
    service.before = async (seen) => {
      if (seen.path !== "/api/v1/users/me/preferences") return undefined;
      await new Promise<void>((resolve) => (release = resolve));
      return refusal(401, "SESSION_REVOKED");
    };
    const late = codeOf(latchkey.getPreferences());
    await news();
    await latchkey.login(ADA);
    release();
    expect(await late).toBe("SESSION_REVOKED");
    expect(latchkey.signedIn?.sessionId).toMatch(/^ses_/);
    expect(onSignedOut).not.toHaveBeenCalled();
  });

  it("by logout holds against a refresh that was on its way", async () => {
    const latchkey = tab();
    await latchkey.login(ADA);
    let release = () => {};
    service.before = async (seen) => {
      if (seen.path !== REFRESH) return undefined;
      await new Promise<void>((resolve) => (release = resolve));
      return undefined;
    };
    service.time += 590; // leaves at once, refreshes beside it
    await latchkey.getMe();
    await latchkey.logout();
    service.ended.clear(); // the worst case: the refresh had passed the service before
    service.cookie = "ses_1.1.secret";
    release();
    await news();
    expect(latchkey.signedIn).toBeNull();
    expect(await codeOf(latchkey.getMe())).toBe("NOT_SIGNED_IN");
  });

  it("is no error of logout, which is, when the service was not reached", async () => {
    const onSignedOut = vi.fn();
    const latchkey = tab({ onSignedOut });
    await latchkey.logout(); // nobody is signed in
    await latchkey.login(ADA);
    service.before = () => {
      throw new TypeError("offline");
    };
    expect(await codeOf(latchkey.logout())).toBe("NETWORK_ERROR");
    expect(latchkey.signedIn).not.toBeNull();
    service.before = () => undefined;
    await latchkey.logout();
    expect(onSignedOut.mock.calls).toEqual([["SIGNED_OUT"]]);
  });

  it("follows from deleting the account, and from ending one's own session", async () => {
    const reasons: string[] = [];
    const latchkey = tab({ onSignedOut: (reason) => reasons.push(reason) });
    await latchkey.login(ADA);
    await latchkey.revokeSession({ path: { session_id: latchkey.signedIn!.sessionId } });
    await latchkey.login(ADA);
    await latchkey.deleteMe();
    expect(reasons).toEqual(["SIGNED_OUT", "ACCOUNT_DELETED"]);
  });
});

describe("who is signed in", () => {
  it("is found again after a reload, from the cookie", async () => {
    await tab().login(ADA);
    const reloaded = tab();
    expect(reloaded.signedIn).toBeNull();
    expect(await reloaded.resume()).toMatchObject({ accountId: "usr_ada@example.com", role: "user" });
  });

  it("is nobody on a first visit, which calls nothing an end", async () => {
    const onSignedOut = vi.fn();
    const latchkey = tab({ onSignedOut });
    expect(await latchkey.resume()).toBeNull();
    expect(onSignedOut).not.toHaveBeenCalled();
  });

  it("never does for one person what another asked for", async () => {
    const latchkey = tab();
    await latchkey.login(ADA);
    service.time += 590;
    // Somebody else signs in in a tab that this one can't hear.
    const other = createLatchkey({ mode: "cookie", baseUrl: origin, fetch: service.fetch, environment: { now: service.now, platform: {} } });
    open.push(other);
    await other.login({ ...ADA, email: "eve@example.com" });
    service.before = (seen) => (seen.method === "DELETE" && service.count("DELETE", seen.path) === 1 ? refusal(401, "TOKEN_EXPIRED") : undefined);
    expect(await codeOf(latchkey.deleteMe())).toBe("ACCOUNT_CHANGED");
    expect(service.count("DELETE", "/api/v1/users/me")).toBe(1);
  });

  it("is told to subscribers, and only when it changes", async () => {
    const latchkey = tab();
    const changed = vi.fn();
    latchkey.subscribe(changed);
    await latchkey.login(ADA);
    const before = latchkey.signedIn;
    await latchkey.refresh();
    expect(latchkey.signedIn).toBe(before);
    await latchkey.logout();
    expect(changed).toHaveBeenCalledTimes(2);
  });
});

describe("stepping up", () => {
  const later = async (options: Partial<LatchkeyOptions>) => {
    const latchkey = tab(options);
    await latchkey.login(ADA);
    service.time += 400;
    return latchkey;
  };

  it("asks once for however many requests, again after a wrong password, and repeats them", async () => {
    const ask = vi.fn(async ({ attempt }: { attempt: number }) => (attempt === 1 ? "wrong" : ADA.password));
    const latchkey = await later({ onReauthenticationRequired: ask });
    const jobs = await Promise.all(times(5, () => latchkey.requestExport()));
    expect(jobs.map((job) => job.id)).toEqual(times(5, () => "exp_1"));
    expect(ask).toHaveBeenCalledTimes(2);
    expect(ask.mock.calls[1]![0]).toMatchObject({ attempt: 2, error: { code: "INVALID_CREDENTIALS" } });
  });

  it("that is given up is the refusal it began with", async () => {
    const latchkey = await later({ onReauthenticationRequired: async () => null });
    expect(await codeOf(latchkey.requestExport())).toBe("REAUTHENTICATION_REQUIRED");
    expect(await codeOf((await later({})).requestExport())).toBe("REAUTHENTICATION_REQUIRED");
  });

  it("stops when there were too many attempts", async () => {
    const latchkey = await later({ onReauthenticationRequired: async () => "wrong" });
    service.before = (seen) =>
      service.count("POST", "/api/v1/auth/reauthenticate") > 3 && seen.path.endsWith("reauthenticate")
        ? refusal(429, "TOO_MANY_ATTEMPTS", { "retry-after": "60", ratelimit: '"reauthenticate";r=0;t=60' })
        : undefined;
    const error = await latchkey.requestExport().catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      code: "TOO_MANY_ATTEMPTS",
      retryAfterSeconds: 60,
      rateLimits: [{ policy: "reauthenticate", remaining: 0, resetSeconds: 60 }],
    });
  });

  it("reaches the other tabs", async () => {
    const ask = vi.fn(async () => ADA.password);
    const other = tab({ onReauthenticationRequired: ask });
    const latchkey = await later({ onReauthenticationRequired: ask });
    await latchkey.requestExport();
    await news();
    await other.requestExport();
    expect(ask).toHaveBeenCalledTimes(1);
  });
});

describe("errors", () => {
  const answering = async (answer: () => Response | Promise<Response>) => {
    const latchkey = tab();
    await latchkey.login(ADA);
    service.before = (seen) => (seen.method === "PATCH" ? answer() : undefined);
    return (await latchkey.updateMe({ body: {} }).catch((error: unknown) => error)) as LatchkeyError;
  };

  it("are Latchkey's own, in the envelope", async () => {
    const details = [{ field: "email", code: "REQUIRED", message: "This field is required." }];
    const error = await answering(() =>
      Response.json({ success: false, error: { code: "VALIDATION_ERROR", message: "No.", request_id: "r", details } }, { status: 400 }),
    );
    expect(error).toMatchObject({ name: "LatchkeyError", code: "VALIDATION_ERROR", status: 400, message: "No.", requestId: "r", details });
    expect(error.detail("email")?.code).toBe("REQUIRED");
  });

  it("are Latchkey's own, as problem+json", async () => {
    const error = await answering(() =>
      Response.json({ type: "urn:x", title: "Changed.", status: 412, code: "PRECONDITION_FAILED", request_id: "r" }, { status: 412 }),
    );
    expect(error).toMatchObject({ code: "PRECONDITION_FAILED", message: "Changed.", requestId: "r" });
  });

  it.each([
    [404, "Not Found", "GATEWAY_NOT_FOUND"],
    [413, "Request Too Long", "GATEWAY_TOO_LARGE"],
    [429, "Too Many Requests", "GATEWAY_THROTTLED"],
    [500, "Internal Server Error", "GATEWAY_UNAVAILABLE"],
    [503, "Service Unavailable", "GATEWAY_UNAVAILABLE"],
    [403, "Forbidden", "UNEXPECTED_ANSWER"],
  ])("are API Gateway's: %i %s", async (status, message, code) => {
    const error = await answering(() => Response.json({ message }, { status, headers: { "apigw-requestid": "gw" } }));
    expect(error).toMatchObject({ code, status, message, requestId: "gw" });
  });

  it("are a proxy's page", async () => {
    const error = await answering(() => new Response("<h1>Bad Gateway</h1>", { status: 502 }));
    expect(error).toMatchObject({ code: "GATEWAY_UNAVAILABLE", status: 502 });
  });

  it("are the network's", async () => {
    const error = await answering(() => {
      throw new TypeError("fetch failed");
    });
    expect(error).toMatchObject({ code: "NETWORK_ERROR", status: 0 });
    expect(error.cause).toBeInstanceOf(TypeError);
  });

  it("are an answer that does not come, and one's own abort", async () => {
    const latchkey = tab({ timeoutSeconds: 0.02 });
    await latchkey.login(ADA);
    service.before = (_seen, request) => new Promise((_, reject) => request.signal.addEventListener("abort", () => reject(request.signal.reason)));
    expect(await codeOf(latchkey.updateMe({ body: {} }))).toBe("TIMEOUT");
    await expect(latchkey.updateMe({ body: {}, signal: AbortSignal.abort() })).rejects.toMatchObject({ name: "AbortError" });
  });

  it("that pass are waited out for what only reads, and never for what changes something", async () => {
    const latchkey = tab();
    await latchkey.login(ADA);
    let left = 2;
    service.before = () => (left-- > 0 ? refusal(503, "TEMPORARILY_UNAVAILABLE", { "retry-after": "1" }) : undefined);
    await latchkey.getMe();
    left = 1;
    expect(await codeOf(latchkey.updateMe({ body: {} }))).toBe("TEMPORARILY_UNAVAILABLE");
    left = 1;
    service.before = () => (left-- > 0 ? refusal(503, "TEMPORARILY_UNAVAILABLE", { "retry-after": "600" }) : undefined);
    expect(await codeOf(latchkey.getMe())).toBe("TEMPORARILY_UNAVAILABLE");
  });

  it("understand a Retry-After that is a date", async () => {
    const at = new Date(Date.now() + 90_000).toUTCString();
    const error = await answering(() => refusal(429, "TOO_MANY_ATTEMPTS", { "retry-after": at }));
    expect(error.retryAfterSeconds).toBeGreaterThan(80);
    expect(error.retryAfterSeconds).toBeLessThanOrEqual(91);
  });
});

describe("answers", () => {
  it("are the data, and what came beside it is still there", async () => {
    const latchkey = tab();
    await latchkey.login(ADA);
    const account = await latchkey.getMe();
    expect(account).toEqual({ id: "usr_ada@example.com" });
    expect(answerOf(account)).toMatchObject({ status: 200, etag: '"7"', requestId: "req-1" });
    expect(answerOf({ ...account })).toBeUndefined();
  });

  it("go through the generated functions, too", async () => {
    const latchkey = tab();
    await latchkey.login(ADA);
    const { listSessions } = await import("../src/generated/sdk.gen.js");
    expect(await listSessions({ client: latchkey.client })).toMatchObject({ total_count: 1 });
  });
});

describe("bearer mode", () => {
  it("keeps the refresh token in the store, before the new access token is used", async () => {
    const kept: (string | null)[] = [];
    const store = memoryTokenStore();
    const tokenStore = {
      get: store.get,
      async set(token: string | null) {
        kept.push(token);
        await store.set(token);
      },
    };
    const latchkey = tab({ mode: "bearer", tokenStore });
    await latchkey.login(ADA);
    service.time += 601;
    await latchkey.getMe();
    const restarted = tab({ mode: "bearer", tokenStore });
    expect(await restarted.resume()).toMatchObject({ sessionId: "ses_1" });
    await restarted.logout();
    expect(kept).toEqual(["ses_1.1.secret", "ses_1.2.secret", "ses_1.3.secret", null]);
    expect(service.cookie).toBeNull();
  });

  it("asks nothing of the service when the store is empty", async () => {
    const latchkey = tab({ mode: "bearer" });
    expect(await latchkey.resume()).toBeNull();
    expect(service.seen).toHaveLength(0);
  });
});

describe("secrets", () => {
  it("are neither in what the client shows nor in what it answers", async () => {
    const latchkey = tab({ mode: "bearer" });
    const entered = await latchkey.login(ADA);
    const token = await latchkey.accessToken();
    for (const shown of [JSON.stringify(latchkey), JSON.stringify(entered), JSON.stringify(latchkey.signedIn)]) {
      expect(shown).not.toContain(token);
      expect(shown).not.toContain("secret");
    }
  });

  it("do not go along with a picture to the storage", async () => {
    const latchkey = tab();
    await latchkey.login(ADA);
    service.before = (seen) => {
      if (seen.path === "/api/v1/users/me/avatar/uploads")
        return success({ upload_id: "upl_1", url: "https://bucket.example.com/form", fields: { key: "k", policy: "p" }, max_bytes: 9 });
      if (seen.path === "/form") return new Response(null, { status: 204 });
      return seen.path === "/api/v1/users/me/avatar" ? success({ avatar_url: "/a.webp" }) : undefined;
    };
    expect(await latchkey.uploadAvatar(new Blob(["png"], { type: "image/png" }))).toEqual({ avatar_url: "/a.webp" });
    const form = service.seen.find((seen) => seen.path === "/form")!;
    expect(form.authorization).toBeNull();
    expect(form.body.indexOf('name="file"')).toBeGreaterThan(form.body.indexOf('name="policy"'));
  });
});
