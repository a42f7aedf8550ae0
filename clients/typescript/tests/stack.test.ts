/** The client against the deployed service (tests/integration/test_typescript_client.py starts one). */
import { describe, expect, it } from "vitest";
import type { z } from "zod";
import { answerOf, createLatchkey, LatchkeyError, type LatchkeyOptions } from "../src/index.js";
import * as validators from "../src/zod.js";
import { FakeLocks } from "./service.js";

const baseUrl = process.env["LATCHKEY_URL"]!;
const password = "plum kettle orbits a quiet lake";
const somebody = () => ({ email: `client-${crypto.randomUUID()}@example.com`, password });
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "no error",
    (error: unknown) => (error instanceof LatchkeyError ? error.code : String(error)),
  );

/** As much of a browser as the service can see: a cookie jar, and the origin of its own page. */
class Browser {
  readonly sent: string[] = [];
  private readonly jar = new Map<string, string>();
  private readonly locks = new FakeLocks();
  private readonly name = crypto.randomUUID();

  tab(options: Partial<LatchkeyOptions> = {}) {
    return createLatchkey({
      mode: "cookie",
      baseUrl,
      timeoutSeconds: 120,
      fetch: (input, init) => this.fetch(new Request(input, init)),
      environment: {
        platform: { locks: this.locks as unknown as LockManager, channel: (name) => new BroadcastChannel(`${name}:${this.name}`) },
      },
      ...options,
    });
  }

  private async fetch(request: Request): Promise<Response> {
    request.headers.set("origin", baseUrl);
    if (this.jar.size) request.headers.set("cookie", [...this.jar].map((pair) => pair.join("=")).join("; "));
    this.sent.push(`${request.method} ${new URL(request.url).pathname}`);
    const answer = await fetch(request);
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
      if (/max-age=0/i.test(line)) this.jar.delete(name!);
      else this.jar.set(name!, value!);
    }
    return answer;
  }
}

const conforms = (schema: z.ZodType, data: unknown) => expect(schema.safeParse(data).error?.issues ?? []).toEqual([]);

describe("the running service", () => {
  it("signs in two browsers, one signs the other out, and that one is told on its next request", { timeout: 240_000 }, async () => {
    const ada = somebody();
    const reasons: string[] = [];
    const laptop = new Browser().tab();
    const phone = new Browser().tab({ onSignedOut: (reason) => reasons.push(reason) });
    const entered = await laptop.register({ ...ada, device_name: "Laptop" });
    expect(entered?.user.email).toBe(ada.email);
    await phone.login({ ...ada, device_name: "Phone" });

    const list = await laptop.listSessions();
    conforms(validators.zSessionListView, list);
    expect(list.sessions.map((session) => [session.device_name, session.is_current])).toEqual([
      ["Laptop", true],
      ["Phone", false],
    ]);
    await laptop.revokeSession({ path: { session_id: list.sessions[1]!.id } });
    expect(await codeOf(phone.getMe())).toBe("SESSION_REVOKED");
    expect(reasons).toEqual(["SESSION_REVOKED"]);
    expect(await codeOf(laptop.revokeSession({ path: { session_id: list.sessions[1]!.id } }))).toBe("SESSION_NOT_FOUND");

    // The rest of the settings, each answer checked against the contract's own validators.
    const me = await laptop.getMe();
    conforms(validators.zAccountView, me);
    const etag = answerOf(me)!.etag!;
    const changed = await laptop.updateMe({ body: { full_name: "Ada" }, headers: { "If-Match": etag } });
    expect(changed.full_name).toBe("Ada");
    expect(await codeOf(laptop.updateMe({ body: { full_name: "Eve" }, headers: { "If-Match": etag } }))).toBe("PRECONDITION_FAILED");
    const wrong = await laptop.updateMe({ body: { speaking_language: "english" } }).catch((error: unknown) => error as LatchkeyError);
    expect(wrong).toMatchObject({ code: "INVALID_LANGUAGE_CODE", status: 400, requestId: expect.any(String) });
    conforms(validators.zPreferencesView, await laptop.replacePreferences({ body: { own_key: 1 } }));
    conforms(validators.zConsentListView, await laptop.listConsents());
    conforms(validators.zActivityListView, await laptop.listActivity({ query: { limit: 5 } }));
    conforms(validators.zExportListView, await laptop.listExports());
    const gone = await laptop.client.get({ url: "/api/v1/nothing" }).catch((error: unknown) => error);
    expect(gone).toMatchObject({ code: "GATEWAY_NOT_FOUND", status: 404 });

    await laptop.logout();
    expect(await codeOf(laptop.getMe())).toBe("NOT_SIGNED_IN");
    phone.close();
    laptop.close();
  });

  it("is asked for one refresh by three tabs with five requests each, and after a reload", { timeout: 240_000 }, async () => {
    const browser = new Browser();
    const [first, ...others] = [0, 1, 2].map(() => browser.tab());
    await first!.register(somebody());
    await new Promise((resolve) => setTimeout(resolve, 50));
    // As if the ten minutes were over: forget what this tab knows by reloading all of them.
    const tabs = [browser.tab(), browser.tab(), browser.tab()];
    browser.sent.length = 0;
    await Promise.all(tabs.flatMap((tab) => [1, 2, 3, 4, 5].map(() => tab.getMe())));
    expect(browser.sent.filter((sent) => sent === "POST /api/v1/auth/refresh")).toHaveLength(1);
    expect(new Set(tabs.map((tab) => tab.signedIn?.sessionId)).size).toBe(1);
    for (const tab of [first!, ...others, ...tabs]) tab.close();
  });

  it("keeps a native app signed in by its token store, and asks for the password where that is old", { timeout: 240_000 }, async () => {
    let kept: string | null = null;
    const tokenStore = {
      get: () => kept,
      set: (token: string | null) => {
        kept = token;
      },
    };
    const app = createLatchkey({ mode: "bearer", baseUrl, tokenStore, timeoutSeconds: 120 });
    await app.register(somebody());
    const before = kept;
    const restarted = createLatchkey({ mode: "bearer", baseUrl, tokenStore, timeoutSeconds: 120 });
    expect(await restarted.resume()).toMatchObject({ role: "user" });
    expect(kept).not.toBe(before);
    expect(await codeOf(restarted.reauthenticate("wrong horse battery staple"))).toBe("INVALID_CREDENTIALS");
    await restarted.reauthenticate(password);
    const deleted = await restarted.deleteMe();
    conforms(validators.zDeletionView, deleted);
    expect(kept).toBeNull();
    expect(restarted.signedOut).toBe("ACCOUNT_DELETED");
  });
});
