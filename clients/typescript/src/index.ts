export { createLatchkey } from "./latchkey.js";
export type { Entered, Environment, Latchkey, LatchkeyOperations, LatchkeyOptions, ReauthenticationRequest } from "./latchkey.js";
export { isTemporary, LatchkeyError } from "./errors.js";
export type { ClientErrorCode, LatchkeyErrorCode, RateLimit, SignedOutReason } from "./errors.js";
export { answerOf } from "./answers.js";
export type { Answer } from "./answers.js";
export { memoryTokenStore } from "./token-manager.js";
export type { SignedIn, TokenStore } from "./token-manager.js";
export type * from "./generated/types.gen.js";
