/**
 * The contract as a program wants it: what an operation answers is its data, without the envelope,
 * and what goes wrong is thrown (src/errors.ts), so that only the list of codes is left of it.
 */
import { readFile } from "node:fs/promises";

const JSON_TYPE = "application/json";

export async function contract() {
  const text = await readFile(new URL("../../../openapi.json", import.meta.url), "utf8");
  const document = JSON.parse(text);
  for (const methods of Object.values(document.paths)) {
    for (const operation of Object.values(methods)) {
      operation.responses = Object.fromEntries(
        Object.entries(operation.responses ?? {})
          .filter(([status]) => status.startsWith("2"))
          .map(([status, answer]) => [status, unwrapped(answer)]),
      );
    }
  }
  delete document.components.responses;
  delete document.components.schemas.ProblemAnswer;
  return document;
}

function unwrapped(answer) {
  const schema = answer.content?.[JSON_TYPE]?.schema;
  const data = schema?.properties?.success?.const === true ? schema.properties.data : schema;
  return data ? { description: answer.description, content: { [JSON_TYPE]: { schema: data } } } : answer;
}
