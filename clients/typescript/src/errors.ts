import type { ErrorCode, ErrorDetail } from "./generated/types.gen.js";

/** What goes wrong before, around or instead of an answer of Latchkey's own. */
export type ClientErrorCode =
  /** No answer: offline, DNS, CORS, a closed connection. */
  | "NETWORK_ERROR"
  /** No answer within `timeoutSeconds`. */
  | "TIMEOUT"
  /** Nobody is signed in here; nothing was sent. */
  | "NOT_SIGNED_IN"
  /** Somebody else signed in, in another tab, while this request was on its way; it was not repeated. */
  | "ACCOUNT_CHANGED"
  /** API Gateway has no such route: an older deployment, or a wrong `baseUrl`. */
  | "GATEWAY_NOT_FOUND"
  /** API Gateway takes no request of this size. */
  | "GATEWAY_TOO_LARGE"
  /** API Gateway's own throttle. */
  | "GATEWAY_THROTTLED"
  /** API Gateway, CloudFront or a proxy answered 5xx in place of the service. */
  | "GATEWAY_UNAVAILABLE"
  /** Some other answer that is not Latchkey's: a proxy's page, a captive portal. */
  | "UNEXPECTED_ANSWER";

export type LatchkeyErrorCode = ErrorCode | ClientErrorCode;

/** Why nobody is signed in here any more. */
export type SignedOutReason =
  /** `logout()`, here or in another tab; or all sessions were ended from here. */
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

/** How much of a limit is left: `RateLimit: "login";r=3;t=42`. */
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
 * The one error that this package throws, but for the abort of your own signal, which is passed on.
 *
 * Decide by `code`. A service that is newer than this package may send a code that the union lacks:
 * have a default branch, and show `message`.
 */
export class LatchkeyError extends Error {
  override readonly name = "LatchkeyError";
  readonly code: LatchkeyErrorCode;
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** Quote it when you ask for help: it finds the request in the logs. */
  readonly requestId: string | null;
  /** What is wrong with each field, for errors of input. */
  readonly details: readonly ErrorDetail[];
  /** When trying again makes sense. */
  readonly retryAfterSeconds: number | null;
  readonly rateLimits: readonly RateLimit[];
  /** What is in the way: of EXPORT_ALREADY_RUNNING, the path of the export. */
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

/** Whether this ends the session: no refresh mends it, somebody has to sign in again. */
export function endsSession(error: LatchkeyError): boolean {
  return error.status === 401 && ENDINGS.has(error.code);
}

/** Whether the same request may succeed a little later. */
export function isTemporary(error: unknown): boolean {
  return (
    error instanceof LatchkeyError &&
    (error.status === 0 ? error.code === "NETWORK_ERROR" || error.code === "TIMEOUT" : [429, 502, 503, 504].includes(error.status))
  );
}

/** Read an answer that is not a success. It never throws: whatever came, the caller gets an error with a code. */
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
  // The envelope, or the same as RFC 9457 problem+json.
  const own = asObject(body?.["error"]) ?? body;
  if (typeof own?.["code"] === "string") {
    return new LatchkeyError(own["code"] as LatchkeyErrorCode, String(own["message"] ?? own["title"] ?? own["code"]), {
      ...facts,
      requestId: typeof own["request_id"] === "string" ? own["request_id"] : (facts.requestId ?? null),
      details: Array.isArray(own["details"]) ? (own["details"] as ErrorDetail[]) : [],
    });
  }
  // {"message": "Not Found"} is API Gateway's; a page is a proxy's.
  const message = typeof body?.["message"] === "string" ? body["message"] : `The answer was ${answer.status} and not Latchkey's.`;
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
