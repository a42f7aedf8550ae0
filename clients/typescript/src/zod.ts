/** Validators of every body and answer, for forms and tests: `zLoginBody.safeParse(form)`. */
export * from "./generated/zod.gen.js";
