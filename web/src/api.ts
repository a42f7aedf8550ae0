/** The seam between the screens and the service: what they need, and nothing of how it is fetched. */

export interface Account {
  id: string;
  email: string;
  username: string | null;
  full_name: string | null;
  display_name: string | null;
  avatar_url: string | null;
  speaking_language: string | null;
  listening_language: string | null;
  age: number | null;
  occupation: string | null;
  location: string | null;
  transactional_consent: boolean;
  marketing_consent: boolean;
  is_verified: boolean;
  created_at: string;
}

export interface Device {
  id: string;
  device_name: string;
  device_info: { browser: string | null; os: string | null; os_version: string | null; device_type: string };
  user_agent: string;
  ip_address: string;
  location: string | null;
  login_method: string;
  is_current: boolean;
  created_at: string;
  last_activity: string;
  expires_at: string;
}

export interface ActivityEntry {
  id: string;
  at: string;
  action: string;
  description: string;
  outcome: string;
  device_name: string | null;
  ip_address: string | null;
}

export interface Export {
  id: string;
  status: "queued" | "running" | "ready" | "failed" | "expired";
  progress: number;
  step: string;
  created_at: string;
  ready_at: string | null;
  expires_at: string | null;
  size_bytes: number | null;
  sha256: string | null;
  failure: { code: string; message: string } | null;
  download_url: string | null;
  download_blocked_by: string | null;
}

export interface Consent {
  id: string;
  consent: string;
  decision: string;
  decided_at: string;
}

export interface AvatarUpload {
  upload_id: string;
  url: string;
  fields: Record<string, string>;
  max_bytes: number;
}

export interface Deletion {
  deleted_at: string;
  purge_at: string;
}

export type Preferences = Record<string, unknown>;

/** What the screens ask for. `etag` makes an edit fail with 412 instead of overwriting another. */
export interface SettingsApi {
  me(): Promise<{ account: Account; etag: string | null }>;
  updateMe(change: Partial<Account>, etag: string | null): Promise<{ account: Account; etag: string | null }>;
  uploadAvatar(picture: Blob): Promise<{ account: Account; etag: string | null }>;
  deleteAvatar(): Promise<{ account: Account; etag: string | null }>;
  preferences(): Promise<Preferences>;
  replacePreferences(document: Preferences): Promise<Preferences>;
  consents(): Promise<Consent[]>;
  sessions(): Promise<Device[]>;
  renameSession(id: string, name: string): Promise<Device>;
  revokeSession(id: string): Promise<void>;
  revokeOtherSessions(): Promise<number>;
  activity(cursor: string | null, language: string): Promise<{ entries: ActivityEntry[]; next: string | null }>;
  exports(): Promise<Export[]>;
  export(id: string): Promise<Export>;
  requestExport(): Promise<Export>;
  changePassword(current: string, replacement: string): Promise<void>;
  deleteMe(): Promise<Deletion>;
  reauthenticate(password: string): Promise<void>;
  logout(): Promise<void>;
}

/** The service said no, or nothing: `code` is from docs/errors.md, or one of the three below. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestId: string | null = null,
    readonly fields: Record<string, string> = {},
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

export const OFFLINE = "OFFLINE";
export const GATEWAY = "GATEWAY";
const NOT_SIGNED_IN = "NOT_SIGNED_IN";

/** A 401 of these ends the session for good; any other may be mended by refreshing. */
const ENDED = new Set([
  "SESSION_REVOKED",
  "SESSION_EXPIRED",
  "SESSION_IDLE_TIMEOUT",
  "REFRESH_TOKEN_INVALID",
  "REFRESH_TOKEN_REUSED",
  "ACCOUNT_DELETED",
  "ACCOUNT_SUSPENDED",
  NOT_SIGNED_IN,
]);

export function endsSession(error: unknown): error is ApiError {
  return error instanceof ApiError && (error.status === 401 || error.status === 403) && ENDED.has(error.code);
}

interface Tokens {
  access_token: string;
}

interface Ask {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
  anonymous?: boolean;
  keepalive?: boolean;
}

/**
 * Speaks to the service from a browser: the access token lives in this object and nowhere else, the
 * refresh token in a cookie that no script can read.
 */
export class FetchApi implements SettingsApi {
  private token: string | null = null;
  private refreshing: Promise<void> | null = null;

  constructor(private readonly base = "/api/v1") {}

  get signedIn(): boolean {
    return this.token !== null;
  }

  /** Sign in from the cookie of an earlier visit. False: nobody is signed in here. */
  async resume(): Promise<boolean> {
    try {
      await this.refresh();
      return true;
    } catch (error) {
      if (endsSession(error)) return false;
      throw error;
    }
  }

  async login(email: string, password: string): Promise<void> {
    const name = email.includes("@") ? { email } : { username: email };
    await this.enter("/auth/login", { ...name, password, token_transport: "cookie" });
  }

  /** False: the address has to be confirmed first. */
  async register(body: { email: string; password: string; full_name?: string }): Promise<boolean> {
    return this.enter("/auth/register", { ...body, token_transport: "cookie" });
  }

  /** POST to one of the public operations that a mail's link or a form leads to. */
  async post(path: string, body: unknown): Promise<void> {
    await this.ask(path, { method: "POST", body, anonymous: true });
  }

  async me() {
    return this.account("/users/me");
  }

  async updateMe(change: Partial<Account>, etag: string | null) {
    return this.account("/users/me", { method: "PATCH", body: change, headers: etag ? { "if-match": etag } : {} });
  }

  async uploadAvatar(picture: Blob) {
    const { data: upload } = await this.ask<AvatarUpload>("/users/me/avatar/uploads", {
      method: "POST",
      body: { content_type: picture.type },
    });
    const form = new FormData();
    for (const [name, value] of Object.entries(upload.fields)) form.append(name, value);
    form.append("file", picture);
    const stored = await reach(upload.url, { method: "POST", body: form });
    if (!stored.ok) throw new ApiError(stored.status, GATEWAY, "");
    return this.account("/users/me/avatar", { method: "PUT", body: { upload_id: upload.upload_id } });
  }

  async deleteAvatar() {
    return this.account("/users/me/avatar", { method: "DELETE" });
  }

  async preferences() {
    return (await this.ask<Preferences>("/users/me/preferences")).data;
  }

  async replacePreferences(document: Preferences) {
    return (await this.ask<Preferences>("/users/me/preferences", { method: "PUT", body: document })).data;
  }

  async consents() {
    return (await this.ask<{ consents: Consent[] }>("/users/me/consents?limit=20")).data.consents;
  }

  async sessions() {
    return (await this.ask<{ sessions: Device[] }>("/users/me/sessions")).data.sessions;
  }

  async renameSession(id: string, name: string) {
    return (await this.ask<Device>(`/users/me/sessions/${id}`, { method: "PATCH", body: { device_name: name } })).data;
  }

  async revokeSession(id: string) {
    try {
      await this.ask(`/users/me/sessions/${id}`, { method: "DELETE" });
    } catch (error) {
      // It has ended already: what was asked for is so.
      if (!(error instanceof ApiError && error.code === "SESSION_NOT_FOUND")) throw error;
    }
  }

  async revokeOtherSessions() {
    const ended = await this.ask<{ terminated_count: number }>("/users/me/sessions?scope=others", { method: "DELETE" });
    return ended.data.terminated_count;
  }

  async activity(cursor: string | null, language: string) {
    const query = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
    const { data } = await this.ask<{ activity: ActivityEntry[]; next_cursor: string | null }>(
      `/users/me/activity?limit=20${query}`,
      { headers: { "accept-language": language } },
    );
    return { entries: data.activity, next: data.next_cursor };
  }

  async exports() {
    return (await this.ask<{ exports: Export[] }>("/users/me/exports")).data.exports;
  }

  async export(id: string) {
    return (await this.ask<Export>(`/users/me/exports/${id}`)).data;
  }

  async requestExport() {
    return (await this.ask<Export>("/users/me/export", { method: "POST" })).data;
  }

  async changePassword(current: string, replacement: string) {
    await this.ask("/users/me/password", {
      method: "PUT",
      body: { current_password: current, new_password: replacement },
    });
  }

  async deleteMe() {
    return (await this.ask<Deletion>("/users/me", { method: "DELETE" })).data;
  }

  async reauthenticate(password: string) {
    const { data } = await this.ask<Tokens>("/auth/reauthenticate", { method: "POST", body: { password } });
    this.token = data.access_token;
  }

  async logout() {
    await this.ask("/auth/logout", { method: "POST" });
    this.token = null;
  }

  /** Get a new pair. One at a time in this tab, and one at a time among the tabs of this browser. */
  refresh(): Promise<void> {
    this.refreshing ??= (async () => {
      const turn = async () => {
        const { data } = await this.send<Tokens>("/auth/refresh", { method: "POST", body: {}, anonymous: true });
        this.token = data.access_token;
      };
      try {
        await (navigator.locks ? navigator.locks.request("latchkey-refresh", turn) : turn());
      } finally {
        this.refreshing = null;
      }
    })();
    return this.refreshing;
  }

  private async enter(path: string, body: unknown): Promise<boolean> {
    const { data } = await this.send<Partial<Tokens> | undefined>(path, { method: "POST", body, anonymous: true });
    this.token = data?.access_token ?? null;
    return this.token !== null;
  }

  private async account(path: string, ask: Ask = {}) {
    const { data, etag } = await this.ask<Account>(path, ask);
    return { account: data, etag };
  }

  private async ask<T>(path: string, ask: Ask = {}): Promise<{ data: T; etag: string | null }> {
    try {
      return await this.send<T>(path, ask);
    } catch (error) {
      const stale = error instanceof ApiError && error.status === 401 && !ENDED.has(error.code);
      // A wrong password is a 401 too, and no refresh makes it right.
      if (!stale || ask.anonymous || error.code === "INVALID_CREDENTIALS") throw error;
      await this.refresh();
      return this.send<T>(path, ask);
    }
  }

  private async send<T>(path: string, ask: Ask): Promise<{ data: T; etag: string | null }> {
    const headers: Record<string, string> = { accept: "application/json", ...ask.headers };
    if (ask.body !== undefined) headers["content-type"] = "application/json";
    if (this.token && !ask.anonymous) headers["authorization"] = `Bearer ${this.token}`;
    const answer = await reach(this.base + path, {
      method: ask.method ?? "GET",
      headers,
      body: ask.body === undefined ? null : JSON.stringify(ask.body),
      credentials: "same-origin",
      cache: "no-store",
    });
    const text = await answer.text();
    let envelope: any = null;
    try {
      envelope = JSON.parse(text);
    } catch {
      // Not ours: a gateway's page, or nothing. Told apart below.
    }
    if (answer.ok) return { data: envelope?.data as T, etag: answer.headers.get("etag") };
    const error = envelope?.error;
    const fields: Record<string, string> = {};
    for (const detail of error?.details ?? []) fields[detail.field] = detail.message;
    throw new ApiError(
      answer.status,
      error?.code ?? GATEWAY,
      error?.message ?? "",
      error?.request_id ?? answer.headers.get("apigw-requestid"),
      fields,
      Number(answer.headers.get("retry-after")) || null,
    );
  }
}

async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch {
    throw new ApiError(0, OFFLINE, "");
  }
}
