// Better Auth on SQLite behind Node's HTTP server, as its documentation sets it up.
// Prints its port when it is ready.
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import Database from "better-sqlite3";

const options = {
  baseURL: "http://localhost",
  secret: "a secret for a measurement on the loopback",
  database: new Database(process.argv[2]),
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
};
await (await getMigrations(options)).runMigrations();
const server = createServer(toNodeHandler(betterAuth(options)));
server.keepAliveTimeout = 0; // it waits while another server is measured
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
