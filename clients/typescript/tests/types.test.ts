import { describe, expectTypeOf, it } from "vitest";
import { type AccountView, createLatchkey, type Latchkey, LatchkeyError, type LatchkeyErrorCode, type SessionListView } from "../src/index.js";

const latchkey = createLatchkey({ mode: "bearer" });

describe("the types", () => {
  it("say what an operation takes and answers", () => {
    expectTypeOf(createLatchkey).returns.toEqualTypeOf<Latchkey>();
    expectTypeOf<ReturnType<typeof latchkey.listSessions>>().resolves.toEqualTypeOf<SessionListView>();
    expectTypeOf<ReturnType<typeof latchkey.getMe>>().resolves.toEqualTypeOf<AccountView>();
    expectTypeOf(latchkey.revokeSession).parameters.toExtend<[{ path: { session_id: string } }]>();
    expectTypeOf(latchkey.revokeSessions).parameter(0).extract<object>().toHaveProperty("query").toEqualTypeOf<{ scope?: "others" | "all" } | undefined>();
    expectTypeOf(latchkey.login).parameter(0).not.toHaveProperty("token_transport");
  });

  it("know every code", () => {
    expectTypeOf<LatchkeyError["code"]>().toEqualTypeOf<LatchkeyErrorCode>();
    expectTypeOf<"SESSION_REVOKED" | "NETWORK_ERROR" | "GATEWAY_THROTTLED">().toExtend<LatchkeyErrorCode>();
  });
});
