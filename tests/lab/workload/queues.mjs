// node queues.mjs ADMIN INGRESS: scoped calls, limit keys and limiter rules, for a runtime with the experimental queues on.
import { call } from "./client.mjs";

const [admin, ingress] = process.argv.slice(2);
await call("PUT", admin + "/limits/rules", [
  { pattern: "*", limits: { concurrency: 50 }, description: "default" },
  { pattern: "tenant-a", limits: { concurrency: 2 }, description: "tenant a" },
  { pattern: "tenant-a/*", limits: { concurrency: 1 } },
  { pattern: "tenant-b/x/y", limits: { concurrency: 3 }, disabled: true },
]);
for (let i = 0; i < 8; i++)
  await call("POST", `${ingress}/restate/scope/tenant-a/send/Greeter/sleepLong`, 86_400_000, { "x-restate-limit-key": i % 2 ? "u1" : "u2/z" });
for (let i = 0; i < 3; i++)
  await call("POST", `${ingress}/restate/scope/tenant-b/send/Greeter/busy`, 60_000, { "x-restate-limit-key": "x/y" });
