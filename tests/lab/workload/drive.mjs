// node drive.mjs ADMIN INGRESS SERVICE: registers the endpoint SERVICE and brings every status and every table of a runtime about.
import { call, query, sleep } from "./client.mjs";

const [admin, ingress, service] = process.argv.slice(2);
const send = (path, body, headers) => call("POST", ingress + path, body, headers);
const admins = (path) => call("PATCH", admin + path);

await call("POST", admin + "/deployments", { uri: service, force: true });

// Completed: with and without an idempotency key, failed for good, binary and large output.
await send("/Greeter/greet", "Ada");
await send("/Greeter/greet", "idem", { "idempotency-key": "idem-key-1" });
await send("/Greeter/orchestrate", "ada");
await send("/Greeter/terminal", 'I\'m a "teapot" \u2615');
await send("/Greeter/echoBytes", Uint8Array.from([0, 255, 1, 2]));
await send("/Greeter/bigOutput", 100_000);
// Scheduled.
await send("/Greeter/greet/send?delay=1d", "tomorrow");
await send("/Greeter/greet/send?delay=10m", "soon", { "idempotency-key": "scheduled-1" });
// Backing off, paused and killed by policy.
await send("/Greeter/alwaysFail/send", "db down");
await send("/Greeter/alwaysFailInRun/send");
await send("/Pauser/failPause/send");
await send("/Pauser/failKill/send");
// Waiting: for time, an awakeable, a combination, a signal, a call.
await send("/Greeter/sleepLong/send", 86_400_000);
await send("/Greeter/awk/send");
await send("/Greeter/raceAll/send");
await send("/Greeter/waitSignal/send");
const signalled = await send("/Greeter/waitSignal/send");
await send("/Greeter/sendSignal", { id: signalled.invocationId, v: true });
await send("/Greeter/callObject/send", "held-by-call");
// State: odd values, odd keys; an inbox behind a locked key.
const keys = ["ada", "bob", "\u00fcser/\u{1F600} key", "it's", 'a,b"c\\d', " "];
for (const key of keys) await send(`/Counter/${encodeURIComponent(key)}/add`, 5);
await send("/Counter/odd/oddState");
await send("/Counter/locked/holdAwk/send");
for (let i = 0; i < 5; i++) await send("/Counter/locked/add/send", i);
await send("/Counter/locked/get");
await send("/Counter/wide/bulk", { n: 500, size: 100 });
// Workflows, with promises resolved, rejected and pending.
await send("/Signup/wf-1/run/send", { name: "Ada", mail: "ada@example.org" });
await send("/Signup/wf-2/run/send", { name: "Bob" });
await send("/Signup/wf-3/run/send", { name: "Eve" });
await sleep(300);
await send("/Signup/wf-1/verify", "ok");
await send("/Signup/wf-3/fail", "mailbox full");
await send("/Signup/wf-2/peek");
// Cancelled, killed and paused by hand; restarted as new.
const cancelled = await send("/Greeter/cancelMe/send");
const killed = await send("/Greeter/cancelMe/send");
const paused = await send("/Greeter/alwaysFail/send", "paused by hand");
const restarted = await send("/Greeter/greet/send", "restart-me");
await sleep(500);
await admins(`/invocations/${cancelled.invocationId}/cancel`);
await admins(`/invocations/${killed.invocationId}/kill`);
await admins(`/invocations/${paused.invocationId}/pause`);
await admins(`/invocations/${restarted.invocationId}/restart-as-new`);

// Statuses settle by themselves; who reads the tables next must find them there. With queues, what backs off waits there to be run.
const wanted = ["backing-off", "completed", "paused", "pending", "running", "scheduled"];
for (let left = 60; ; left--) {
  const found = (await query(admin, "select distinct status from sys_invocation")).map((row) => row.status === "ready" ? "backing-off" : row.status);
  if (wanted.every((status) => found.includes(status))) break;
  if (left === 0) throw new Error(`statuses: ${found}`);
  await sleep(250);
}
