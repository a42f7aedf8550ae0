/** An access token and its claims. They are only read here; the service verifies them. */
export interface Access {
  readonly token: string;
  readonly sessionId: string;
  readonly accountId: string;
  readonly role: string;
  /** The time of the last authentication, in epoch seconds. */
  readonly authTime: number;
  /** By this machine's clock, in epoch milliseconds. `expires_in` works even if the clock is wrong. */
  readonly expiresAt: number;
}

export function accessOf(answer: { access_token: string; expires_in: number }, now: number): Access {
  const claims = claimsOf(answer.access_token);
  return {
    token: answer.access_token,
    sessionId: String(claims["sid"] ?? ""),
    accountId: String(claims["sub"] ?? ""),
    role: String(claims["role"] ?? ""),
    authTime: Number(claims["auth_time"] ?? 0),
    expiresAt: now + answer.expires_in * 1000,
  };
}

function claimsOf(token: string): Record<string, unknown> {
  const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
  try {
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
  } catch {
    return {};
  }
}
