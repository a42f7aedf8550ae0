import type { ErrorCode, ErrorDetail } from "./generated/types.gen.js";

/** Codes of errors without a response of Latchkey. */
export type ClientErrorCode =
  /** No response: offline, DNS, CORS, a closed connection. */
  | "NETWORK_ERROR"
  /** No response within `timeoutSeconds`. */
  | "TIMEOUT"
  /** Not signed in. Nothing was sent. */
  | "NOT_SIGNED_IN"
  /** Another person signed in in another tab during this request. It was not repeated. */
  | "ACCOUNT_CHANGED"
  /** API Gateway has no such route: an older deployment, or a wrong `baseUrl`. */
  | "GATEWAY_NOT_FOUND"
  /** The request is too large for API Gateway. */
  | "GATEWAY_TOO_LARGE"
  /** Throttled by API Gateway. */
  | "GATEWAY_THROTTLED"
  /** A 5xx of API Gateway, CloudFront or a proxy. */
  | "GATEWAY_UNAVAILABLE"
  /** Another response that is not Latchkey's: a proxy's page, a captive portal. */
  | "UNEXPECTED_ANSWER";

export type LatchkeyErrorCode = ErrorCode | ClientErrorCode;

/** The reason of a sign-out. */
export type SignedOutReason =
  /** `logout()` in any tab, or all sessions were ended from here. */
  | "SIGNED_OUT"
  | Extract<
      ErrorCode,
      | "SESSION_REVOKED"
      | "SESSION_EXPIRED"
      | "SESSION_IDLE_TIMEOUT"
      | "REFRESH_TOKEN_INVALID"
      | "REFRESH_TOKEN_REUSED"
      | "ACCOUNT_DELETED"
      | "ACCOUNT_SUSPENDED"
    >;

const ENDINGS: ReadonlySet<string> = new Set<SignedOutReason>([
  "SESSION_REVOKED",
  "SESSION_EXPIRED",
  "SESSION_IDLE_TIMEOUT",
  "REFRESH_TOKEN_INVALID",
  "REFRESH_TOKEN_REUSED",
  "ACCOUNT_DELETED",
  "ACCOUNT_SUSPENDED",
]);

/** The state of a rate limit: `RateLimit: "login";r=3;t=42`. */
export interface RateLimit {
  policy: string;
  remaining: number;
  resetSeconds: number | null;
}

interface Facts {
  status: number;
  requestId?: string | null;
  details?: readonly ErrorDetail[];
  retryAfterSeconds?: number | null;
  rateLimits?: readonly RateLimit[];
  location?: string | null;
  cause?: unknown;
}

/**
 * The only error of this package, except the abort of your own signal.
 *
 * Use `code` for decisions. A newer service may send an unknown code: have a default branch, and show
 * `message`.
 */
export class LatchkeyError extends Error {
  override readonly name = "LatchkeyError";
  readonly code: LatchkeyErrorCode;
  /** The HTTP status, or 0 without a response. */
  readonly status: number;
  /** Quote it when you report a problem. */
  readonly requestId: string | null;
  /** The problems of each field, for invalid input. */
  readonly details: readonly ErrorDetail[];
  /** Seconds to wait before a retry. */
  readonly retryAfterSeconds: number | null;
  readonly rateLimits: readonly RateLimit[];
  /** For EXPORT_ALREADY_RUNNING: the path of the running export. */
  readonly location: string | null;

  constructor(code: LatchkeyErrorCode, message: string, facts: Facts) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.status = facts.status;
    this.requestId = facts.requestId ?? null;
    this.details = facts.details ?? [];
    this.retryAfterSeconds = facts.retryAfterSeconds ?? null;
    this.rateLimits = facts.rateLimits ?? [];
    this.location = facts.location ?? null;
  }

  /** The message for one field: `error.detail("email")?.message`. */
  detail(field: string): ErrorDetail | undefined {
    return this.details.find((detail) => detail.field === field);
  }
}

/** Whether the session has ended, so that the person must sign in again. */
export function endsSession(error: LatchkeyError): boolean {
  return error.status === 401 && ENDINGS.has(error.code);
}

/** Whether a retry may succeed. */
export function isTemporary(error: unknown): boolean {
  return (
    error instanceof LatchkeyError &&
    (error.status === 0 ? error.code === "NETWORK_ERROR" || error.code === "TIMEOUT" : [429, 502, 503, 504].includes(error.status))
  );
}

/** Parse an error response. Never throws: any content gives an error with a code. */
export async function errorOf(answer: Response): Promise<LatchkeyError> {
  const text = await answer.text().catch(() => "");
  const body = asObject(parse(text));
  const facts: Facts = {
    status: answer.status,
    requestId: answer.headers.get("x-request-id") ?? answer.headers.get("apigw-requestid"),
    retryAfterSeconds: retryAfter(answer.headers),
    rateLimits: rateLimits(answer.headers),
    location: answer.headers.get("location"),
  };
  // The envelope, or RFC 9457 problem+json.
  const own = asObject(body?.["error"]) ?? body;
  if (typeof own?.["code"] === "string") {
    return new LatchkeyError(own["code"] as LatchkeyErrorCode, String(own["message"] ?? own["title"] ?? own["code"]), {
      ...facts,
      requestId: typeof own["request_id"] === "string" ? own["request_id"] : (facts.requestId ?? null),
      details: Array.isArray(own["details"]) ? (own["details"] as ErrorDetail[]) : [],
    });
  }
  // {"message": "Not Found"} is API Gateway's; a page is a proxy's.
  const message = typeof body?.["message"] === "string" ? body["message"] : `The response has status ${answer.status} and is not Latchkey's.`;
  return new LatchkeyError(gatewayCode(answer.status), message, facts);
}

function gatewayCode(status: number): ClientErrorCode {
  if (status === 404) return "GATEWAY_NOT_FOUND";
  if (status === 413) return "GATEWAY_TOO_LARGE";
  if (status === 429) return "GATEWAY_THROTTLED";
  return status >= 500 ? "GATEWAY_UNAVAILABLE" : "UNEXPECTED_ANSWER";
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
}

/** RFC 9110 10.2.3: seconds, or a date. */
export function retryAfter(headers: Headers, now = Date.now()): number | null {
  const value = headers.get("retry-after");
  if (value === null) return null;
  if (/^\d+$/.test(value)) return Number(value);
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, Math.ceil((at - now) / 1000));
}

/** draft-ietf-httpapi-ratelimit-headers-11. */
export function rateLimits(headers: Headers): RateLimit[] {
  return (headers.get("ratelimit") ?? "").split(",").flatMap((item) => {
    const policy = /^\s*"([^"]*)"/.exec(item)?.[1];
    const remaining = /;\s*r=(\d+)/.exec(item)?.[1];
    const reset = /;\s*t=(\d+)/.exec(item)?.[1];
    if (policy === undefined || remaining === undefined) return [];
    return [{ policy, remaining: Number(remaining), resetSeconds: reset === undefined ? null : Number(reset) }];
  });
}
