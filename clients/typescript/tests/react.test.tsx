// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, renderHook, waitFor } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLatchkey, type Latchkey } from "../src/index.js";
import {
  LatchkeyProvider,
  latchkeyKeys,
  useMe,
  useRequestExport,
  useRevokeAllSessions,
  useRevokeSession,
  useSessions,
  useSettings,
  useSignedIn,
  useUpdateMe,
} from "../src/react.js";
import { FakeService, refusal, success } from "./service.js";

const ADA = { email: "ada@example.com", password: "plum kettle orbits a quiet lake" };
let service: FakeService;
let latchkey: Latchkey;
let queries: QueryClient;

beforeEach(async () => {
  service = new FakeService();
  const make = () =>
    createLatchkey({
      mode: "cookie",
      baseUrl: "https://accounts.example.com",
      fetch: service.fetch,
      environment: { now: service.now, platform: {}, wait: () => Promise.resolve() },
    });
  await make().login(ADA);
  await make().login(ADA);
  latchkey = make();
  await latchkey.login(ADA);
  queries = new QueryClient();
});

afterEach(() => {
  cleanup();
  queries.clear();
});

const wrapper = ({ children }: { children: ReactNode }) => (
  <QueryClientProvider client={queries}>
    <LatchkeyProvider latchkey={latchkey}>{children}</LatchkeyProvider>
  </QueryClientProvider>
);

const render = <T,>(hook: () => T) => renderHook(hook, { wrapper });

describe("devices", () => {
  const devices = () => render(() => ({ list: useSessions(), revoke: useRevokeSession(), all: useRevokeAllSessions() }));
  const ids = (shown: ReturnType<typeof devices>) => shown.result.current.list.data?.sessions.map(({ id }) => id);

  it("leave the list before the service has answered", async () => {
    const shown = devices();
    await waitFor(() => expect(ids(shown)).toHaveLength(3));
    const [gone] = ids(shown)!;
    let release = () => {};
    service.before = (seen) => (seen.method === "DELETE" ? new Promise((resolve) => (release = () => resolve(undefined))) : undefined);
    act(() => shown.result.current.revoke.mutate(gone!));
    await waitFor(() => expect(ids(shown)).toHaveLength(2));
    expect(service.ended.size).toBe(0);
    await act(async () => release());
    await waitFor(() => expect(shown.result.current.revoke.isSuccess).toBe(true));
    expect(ids(shown)).not.toContain(gone);
  });

  it("come back when that failed", async () => {
    const shown = devices();
    await waitFor(() => expect(ids(shown)).toHaveLength(3));
    service.before = (seen) => (seen.method === "DELETE" ? refusal(503, "TEMPORARILY_UNAVAILABLE") : undefined);
    const [first] = ids(shown)!;
    await act(async () => shown.result.current.revoke.mutateAsync(first!).catch(() => undefined));
    await waitFor(() => expect(shown.result.current.revoke.error?.code).toBe("TEMPORARILY_UNAVAILABLE"));
    await waitFor(() => expect(ids(shown)).toHaveLength(3));
  });

  it("that had ended already are no error", async () => {
    const shown = devices();
    await waitFor(() => expect(ids(shown)).toHaveLength(3));
    await act(() => shown.result.current.revoke.mutateAsync("ses_999"));
    await waitFor(() => expect(shown.result.current.revoke.isSuccess).toBe(true));
  });

  it("are all signed out but this one, in one request", async () => {
    const shown = devices();
    await waitFor(() => expect(ids(shown)).toHaveLength(3));
    const ended = await act(() => shown.result.current.all.mutateAsync());
    expect(ended.terminated_count).toBe(2);
    await waitFor(() => expect(ids(shown)).toEqual([latchkey.signedIn!.sessionId]));
    expect(service.seen.filter((seen) => seen.method === "DELETE")).toHaveLength(1);
  });
});

describe("a device's name", () => {
  it("is in the list as soon as the service has taken it, and not when it was refused", async () => {
    const shown = render(() => ({ list: useSessions(), settings: useSettings() }));
    const names = () => shown.result.current.list.data?.sessions.map(({ device_name }) => device_name);
    await waitFor(() => expect(names()).toHaveLength(3));
    const [first, second] = shown.result.current.list.data!.sessions;
    const expected = [names()![0], "Green laptop", names()![2]];
    // The list can't be read again: what is seen is what the answer said.
    service.before = (seen) => (seen.method === "GET" ? refusal(503, "TEMPORARILY_UNAVAILABLE") : undefined);
    await act(() => shown.result.current.settings.renameSession(second!.id, "Green laptop"));
    expect(names()).toEqual(expected);
    const refused = shown.result.current.settings.renameSession(first!.id, "");
    await act(() => expect(refused).rejects.toMatchObject({ code: "VALIDATION_ERROR" }));
    expect(names()).toEqual(expected);
  });
});

describe("the cache", () => {
  it("has nothing of one person when the next one signs in", async () => {
    const shown = render(() => ({ me: useMe(), who: useSignedIn() }));
    await waitFor(() => expect(shown.result.current.me.data?.account.id).toBe("usr_ada@example.com"));
    await act(() => latchkey.logout());
    expect(shown.result.current.who).toBeNull();
    expect(shown.result.current.me.data).toBeUndefined();
    expect(queries.getQueryCache().getAll().filter((query) => query.state.data !== undefined)).toEqual([]);
    await act(() => latchkey.login({ ...ADA, email: "eve@example.com" }).then(() => undefined));
    await waitFor(() => expect(shown.result.current.me.data?.account.id).toBe("usr_eve@example.com"));
  });

  it("asks nothing while nobody is signed in", async () => {
    await latchkey.logout();
    const sent = service.seen.length;
    const shown = render(() => useMe());
    expect(shown.result.current.fetchStatus).toBe("idle");
    expect(service.seen).toHaveLength(sent);
  });
});

describe("the profile", () => {
  it("is changed with its etag, and read again when somebody was faster", async () => {
    const shown = render(() => ({ me: useMe(), update: useUpdateMe() }));
    await waitFor(() => expect(shown.result.current.me.data?.etag).toBe('"7"'));
    let ifMatch: string | null = null;
    service.before = (seen, request) => {
      if (seen.method !== "PATCH") return undefined;
      ifMatch = request.headers.get("if-match");
      return refusal(412, "PRECONDITION_FAILED");
    };
    const reads = service.count("GET", "/api/v1/users/me");
    await act(async () => shown.result.current.update.mutateAsync({ full_name: "Ada" }).catch(() => undefined));
    expect(ifMatch).toBe('"7"');
    await waitFor(() => expect(service.count("GET", "/api/v1/users/me")).toBe(reads + 1));
  });
});

describe("an export", () => {
  it("that is under way is the answer to asking for another", async () => {
    const shown = render(() => useRequestExport());
    service.before = (seen) => {
      if (seen.path === "/api/v1/users/me/exports/exp_7") return success({ id: "exp_7", status: "running" });
      return seen.method === "POST" ? refusal(409, "EXPORT_ALREADY_RUNNING", { location: "/api/v1/users/me/exports/exp_7" }) : undefined;
    };
    expect(await act(() => shown.result.current.mutateAsync())).toMatchObject({ id: "exp_7" });
  });
});

describe("useSettings", () => {
  it("has all of it, goes through the same cache, and stays the same object", async () => {
    const shown = render(() => useSettings());
    const settings = shown.result.current;
    expect((await act(() => settings.getSessions())).total_count).toBe(3);
    const key = latchkeyKeys.sessions(latchkey.signedIn?.accountId);
    expect(queries.getQueryData(key)).toMatchObject({ total_count: 3 });
    await act(() => settings.revokeSession("ses_1"));
    expect((await act(() => settings.revokeAllSessions())).terminated_count).toBe(1);
    expect((await act(() => settings.getSessions())).total_count).toBe(1);
    expect(shown.result.current).toBe(settings);
  });

  it("keeps no token in Web Storage", async () => {
    const shown = render(() => useSettings());
    await act(() => shown.result.current.getMe());
    expect(localStorage.length + sessionStorage.length).toBe(0);
    expect(document.cookie).toBe("");
  });
});
