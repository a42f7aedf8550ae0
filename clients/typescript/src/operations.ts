/** The operations as single functions, for who wants only some of them: `listSessions({ client: latchkey.client })`. */
export * from "./generated/sdk.gen.js";
