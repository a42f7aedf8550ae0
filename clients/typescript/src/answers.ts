import { type RateLimit, rateLimits } from "./errors.js";

/** The metadata of a response. */
export interface Answer {
  status: number;
  /** For `If-Match`: the change then fails with PRECONDITION_FAILED instead of overwriting another. */
  etag: string | null;
  /** The address of the created resource. */
  location: string | null;
  /** For people. */
  message: string | null;
  requestId: string | null;
  rateLimits: readonly RateLimit[];
}

const answers = new WeakMap<object, Answer>();
const messages = new WeakMap<object, string>();

/** Unwrap the envelope. */
export function unwrapped(body: unknown): unknown {
  if (typeof body !== "object" || body === null || (body as { success?: unknown }).success !== true) return body;
  const { data, message } = body as { data?: unknown; message?: unknown };
  if (typeof data === "object" && data !== null && typeof message === "string") messages.set(data, message);
  return data ?? null;
}

export function remember(data: unknown, response: Response): void {
  if (typeof data !== "object" || data === null) return;
  const { headers } = response;
  answers.set(data, {
    status: response.status,
    etag: headers.get("etag"),
    location: headers.get("location"),
    message: messages.get(data) ?? null,
    requestId: headers.get("x-request-id"),
    rateLimits: rateLimits(headers),
  });
}

/**
 * The metadata of a returned `data` object: `answerOf(await latchkey.getMe())?.etag`.
 * It works only for the object itself, not for a copy.
 */
export function answerOf(data: object): Answer | undefined {
  return answers.get(data);
}
