/** A service small enough to read: sessions, tokens that expire, and whatever a test makes it do. */

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

export interface Seen {
  method: string;
  path: string;
  authorization: string | null;
  body: string;
}

export class FakeService {
  /** Seconds since the epoch; tests move it. */
  time = 1_800_000_000;
  lifetimeSeconds = 600;
  password = "plum kettle orbits a quiet lake";
  /** The browser's cookie, for all tabs. */
  cookie: string | null = null;
  readonly seen: Seen[] = [];
  readonly ended = new Map<string, string>();
  /** Refuse, delay or break: return an answer, or undefined to go on. */
  before: (seen: Seen, request: Request) => Promise<Response | undefined> | Response | undefined = () => undefined;
  latencyMs = 0;
  private serial = 0;
  private readonly accounts = new Map<string, string>();
  private readonly names = new Map<string, string>();
  private readonly authTimes = new Map<string, number>();
  private readonly generations = new Map<string, number>();

  now = () => this.time * 1000;

  count(method: string, path: string): number {
    return this.seen.filter((one) => one.method === method && one.path === path).length;
  }

  fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    const url = new URL(request.url);
    const seen: Seen = {
      method: request.method,
      path: url.pathname + url.search,
      authorization: request.headers.get("authorization"),
      body: await request.clone().text(),
    };
    this.seen.push(seen);
    if (this.latencyMs) await new Promise((resolve) => setTimeout(resolve, this.latencyMs));
    request.signal.throwIfAborted();
    return (await this.before(seen, request)) ?? this.answer(seen);
  };

  private answer(seen: Seen): Response {
    const body = seen.body.startsWith("{") ? (JSON.parse(seen.body) as Record<string, string>) : {};
    switch (`${seen.method} ${seen.path}`) {
      case "POST /api/v1/auth/login": {
        if (body["password"] !== this.password) return refusal(401, "INVALID_CREDENTIALS");
        const sessionId = `ses_${++this.serial}`;
        this.accounts.set(sessionId, `usr_${body["email"]}`);
        this.authTimes.set(sessionId, this.time);
        return this.tokens(sessionId, body["token_transport"] === "cookie");
      }
      case "POST /api/v1/auth/refresh": {
        const token = body["refresh_token"] ?? this.cookie;
        const sessionId = token?.split(".")[0];
        if (!token || !sessionId || !this.accounts.has(sessionId)) return refusal(401, "REFRESH_TOKEN_INVALID");
        const ended = this.ended.get(sessionId);
        if (ended) return refusal(401, ended);
        return this.tokens(sessionId, body["refresh_token"] === undefined);
      }
    }
    const sessionId = this.caller(seen);
    if (sessionId instanceof Response) return sessionId;
    switch (`${seen.method} ${seen.path}`) {
      case "POST /api/v1/auth/logout":
        this.ended.set(sessionId, "SESSION_REVOKED");
        this.cookie = null;
        return success(null, "Signed out.");
      case "POST /api/v1/auth/reauthenticate":
        if (body["password"] !== this.password) return refusal(401, "INVALID_CREDENTIALS");
        this.authTimes.set(sessionId, this.time);
        return success({ access_token: this.accessToken(sessionId), token_type: "Bearer", expires_in: this.lifetimeSeconds });
      case "POST /api/v1/users/me/export":
        if (this.time - Number(claims(seen)["auth_time"]) > 300) return refusal(403, "REAUTHENTICATION_REQUIRED");
        return success({ id: "exp_1", status: "queued" });
      case "GET /api/v1/users/me":
      case "PATCH /api/v1/users/me":
        return success({ id: this.accounts.get(sessionId), ...body }, undefined, { etag: '"7"' });
      case "DELETE /api/v1/users/me":
        this.ended.set(sessionId, "ACCOUNT_DELETED");
        return success({ deleted_at: "2027-01-15T08:00:00Z", purge_at: "2027-02-14T08:00:00Z" });
      case "GET /api/v1/users/me/sessions": {
        const sessions = [...this.accounts.keys()]
          .filter((id) => this.accounts.get(id) === this.accounts.get(sessionId) && !this.ended.has(id))
          .map((id) => ({ id, device_name: this.names.get(id) ?? `device of ${id}`, is_current: id === sessionId }));
        return success({ sessions, total_count: sessions.length });
      }
      case "DELETE /api/v1/users/me/sessions?scope=others": {
        const others = [...this.accounts.keys()].filter((id) => id !== sessionId && !this.ended.has(id));
        for (const id of others) this.ended.set(id, "SESSION_REVOKED");
        return success({ terminated_count: others.length });
      }
    }
    const renamed = /^PATCH \/api\/v1\/users\/me\/sessions\/(ses_\d+)$/.exec(`${seen.method} ${seen.path}`)?.[1];
    if (renamed) {
      if (!body["device_name"]) return refusal(400, "VALIDATION_ERROR");
      this.names.set(renamed, body["device_name"]);
      return success({ id: renamed, device_name: body["device_name"], is_current: renamed === sessionId });
    }
    const one = /^DELETE \/api\/v1\/users\/me\/sessions\/(ses_\d+)$/.exec(`${seen.method} ${seen.path}`)?.[1];
    if (one) {
      if (!this.accounts.has(one) || this.ended.has(one)) return refusal(404, "SESSION_NOT_FOUND");
      this.ended.set(one, "SESSION_REVOKED");
      return success({ session_id: one, device_name: `device of ${one}` });
    }
    return Response.json({ message: "Not Found" }, { status: 404 });
  }

  private caller(seen: Seen): string | Response {
    if (!seen.authorization) return refusal(401, "TOKEN_MISSING");
    const { sid, exp } = claims(seen);
    if (Number(exp) <= this.time) return refusal(401, "TOKEN_EXPIRED");
    const ended = this.ended.get(String(sid));
    return ended ? refusal(401, ended) : String(sid);
  }

  private tokens(sessionId: string, inCookie: boolean): Response {
    const generation = (this.generations.get(sessionId) ?? 0) + 1;
    this.generations.set(sessionId, generation);
    const refreshToken = `${sessionId}.${generation}.secret`;
    if (inCookie) this.cookie = refreshToken;
    return success({
      access_token: this.accessToken(sessionId),
      token_type: "Bearer",
      expires_in: this.lifetimeSeconds,
      refresh_token: inCookie ? null : refreshToken,
      session: { id: sessionId },
      user: { id: this.accounts.get(sessionId) },
    });
  }

  private accessToken(sessionId: string): string {
    const claim = {
      sub: this.accounts.get(sessionId),
      sid: sessionId,
      role: "user",
      auth_time: this.authTimes.get(sessionId),
      exp: this.time + this.lifetimeSeconds,
      jti: `${++this.serial}`,
    };
    return `${part({ alg: "ES256" })}.${part(claim)}.signature`;
  }
}

function claims(seen: Seen): Record<string, unknown> {
  return JSON.parse(Buffer.from(seen.authorization!.split(".")[1]!, "base64url").toString()) as Record<string, unknown>;
}

export function success(data: unknown, message?: string, headers: Record<string, string> = {}): Response {
  return Response.json({ success: true, data, ...(message ? { message } : {}) }, { headers: { "x-request-id": "req-1", ...headers } });
}

export function refusal(status: number, code: string, headers: Record<string, string> = {}): Response {
  return Response.json({ success: false, error: { code, message: `It is ${code}.`, request_id: "req-2" } }, { status, headers });
}

/** Web Locks, as a browser has them and Node 20 does not: one for all tabs. */
export class FakeLocks {
  private readonly held = new Map<string, Promise<unknown>>();

  request = async (name: string, ...rest: unknown[]): Promise<unknown> => {
    const work = rest.at(-1) as (lock: object | null) => Promise<unknown>;
    const { ifAvailable } = (rest.length > 1 ? rest[0] : {}) as { ifAvailable?: boolean };
    if (ifAvailable && this.held.has(name)) return work(null);
    const before = this.held.get(name) ?? Promise.resolve();
    const turn = before.then(
      () => work({ name }),
      () => work({ name }),
    );
    const settled = turn.catch(() => undefined);
    this.held.set(name, settled);
    void settled.then(() => {
      if (this.held.get(name) === settled) this.held.delete(name);
    });
    return turn;
  };
}
