// node service.mjs PORT: one endpoint with services, a virtual object and a workflow whose invocations, journals and state are as
// odd as a runtime lets them be. Says `listening` once it does.
import "./polyfill.mjs";
import * as http2 from "node:http2";
import * as restate from "@restatedev/restate-sdk";
const port = Number(process.argv[2]);
const bin = restate.serde.binary;

const Greeter = restate.service({
  name: "Greeter",
  description: "Plain service \u2013 says h\u00e9llo",
  metadata: { team: "lab", "emoji": "\u{1F680}" },
  handlers: {
    greet: async (ctx, name) => {
      const t = await ctx.run("make-greeting", () => `Hello ${name}`);
      return { greeting: t, at: await ctx.date.now() };
    },
    // many kinds of journal entries in one go
    orchestrate: async (ctx, key) => {
      await ctx.run("step one", () => ({ a: 1 }));
      await ctx.run("schritt zw\u00f6lf \u{1F389}", () => "x");
      const g = await ctx.serviceClient({ name: "Greeter" }).greet("nested");
      await ctx.objectClient({ name: "Counter" }, key).add(1);
      ctx.objectSendClient({ name: "Counter" }, key).add(2);
      ctx.serviceSendClient({ name: "Greeter" }).greet("later", restate.rpc.sendOpts({ delay: 3_600_000 }));
      await ctx.sleep(5);
      return g;
    },
    alwaysFail: async (ctx, why) => {
      await ctx.run("before", () => 1);
      throw new Error(`boom: ${why ?? "no reason"} "quoted" \u00fc\nsecond line`);
    },
    alwaysFailInRun: async (ctx) => {
      await ctx.run("flaky-side-effect", () => { throw new Error("upstream 503"); });
    },
    terminal: async (ctx, msg) => { throw new restate.TerminalError(msg ?? "not today", { errorCode: 418 }); },
    sleepLong: async (ctx, ms) => { await ctx.sleep(ms ?? 86_400_000); return "woke"; },
    awk: async (ctx) => {
      const { id, promise } = ctx.awakeable();
      await ctx.run("announce", () => { console.log("awakeable", id); return id; });
      return await promise;
    },
    waitSignal: async (ctx) => await ctx.signal("approved"),
    sendSignal: async (ctx, { id, v }) => { ctx.invocation(id).signal("approved").resolve(v); return "sent"; },
    raceAll: async (ctx) => {
      const a = ctx.awakeable(), b = ctx.awakeable();
      return await restate.RestatePromise.any([a.promise, b.promise, ctx.sleep(86_400_000)]);
    },
    cancelMe: async (ctx) => { await ctx.sleep(86_400_000); return "never"; },
    callObject: async (ctx, key) => await ctx.objectClient({ name: "Counter" }, key).hold(86_400_000),
    echoBytes: restate.handlers.handler({ input: bin, output: bin }, async (ctx, b) => b),
    bigOutput: async (ctx, n) => "x".repeat(n ?? 100000),
    busy: async (ctx, ms) => { const end = Date.now() + ms; while (Date.now() < end) await new Promise(r => setTimeout(r, 20)); return 1; },
  },
  options: { journalRetention: { days: 1 }, idempotencyRetention: { days: 1 } },
});

const Pauser = restate.service({
  name: "Pauser",
  handlers: {
    failPause: restate.handlers.handler({ retryPolicy: { maxAttempts: 2, initialInterval: 20, onMaxAttempts: "pause" } },
      async (ctx) => { throw new Error("pause me"); }),
    failKill: restate.handlers.handler({ retryPolicy: { maxAttempts: 2, initialInterval: 20, onMaxAttempts: "kill" } },
      async (ctx) => { throw new Error("kill me"); }),
  },
});

const Counter = restate.object({
  name: "Counter",
  handlers: {
    add: async (ctx, n) => {
      const c = ((await ctx.get("count")) ?? 0) + (n ?? 1);
      ctx.set("count", c); ctx.set("last", { n, at: await ctx.date.now(), tags: ["a", "b"] });
      return c;
    },
    oddState: async (ctx) => {
      ctx.set("json", { nested: { a: [1, 2.5, null, true], s: "\u00e4\u00f6\u00fc \u{1F600}" } });
      ctx.set("string", "plain");
      ctx.set("number", 42);
      ctx.set("null", null);
      ctx.set("empty", new Uint8Array(0), bin);
      ctx.set("binary", Uint8Array.from([0, 1, 2, 255, 254, 128, 10, 13, 39, 92]), bin);
      ctx.set("nul-in-text", new TextEncoder().encode("a\u0000b"), bin);
      ctx.set("truncated-utf8", Uint8Array.from([0xe2, 0x82]), bin);
      ctx.set("newline\nkey\t'q\"", "weird key name");
      ctx.set("\u00fcnic\u00f6de-\u{1F511}", "unicode key name");
      ctx.set("", "empty key name");
      ctx.set("big", "B".repeat(200_000));
    },
    bulk: async (ctx, { n, size }) => {
      const v = "v".repeat(size ?? 64);
      for (let i = 0; i < n; i++) ctx.set("k" + i, { i, v });
    },
    clear: async (ctx) => { ctx.clearAll(); },
    hold: async (ctx, ms) => { await ctx.sleep(ms); return "released"; },
    holdAwk: async (ctx) => { const a = ctx.awakeable(); return await a.promise; },
    get: restate.handlers.object.shared(async (ctx) => (await ctx.get("count")) ?? 0),
  },
  options: { journalRetention: { days: 1 } },
});

const Signup = restate.workflow({
  name: "Signup",
  handlers: {
    run: async (ctx, user) => {
      ctx.set("stage", "created"); ctx.set("user", user ?? {});
      await ctx.run("send-email", () => "sent");
      const v = await ctx.promise("email-verified");
      ctx.set("stage", "verified");
      return { v };
    },
    verify: async (ctx, v) => { await ctx.promise("email-verified").resolve(v ?? "ok"); },
    fail: async (ctx, v) => { await ctx.promise("email-verified").reject(v ?? "bounced"); },
    peek: async (ctx) => ({ stage: await ctx.get("stage"), v: await ctx.promise("email-verified").peek() }),
  },
  options: { journalRetention: { days: 1 }, workflowRetention: { days: 1 } },
});

const Load = restate.service({
  name: "Load",
  handlers: {
    noop: async (ctx, i) => i,
    step: async (ctx, i) => { await ctx.run("s1", () => i); return i; },
  },
  options: { journalRetention: { days: 7 }, idempotencyRetention: { days: 7 } },
});
const LoadObj = restate.object({
  name: "LoadObj",
  handlers: {
    bulk: async (ctx, { n, size, off }) => { const v = "v".repeat(size ?? 64); for (let i = 0; i < n; i++) ctx.set("k" + ((off ?? 0) + i), { i, v }); },
    touch: async (ctx) => { ctx.set("t", 1); },
  },
  options: { journalRetention: 0 },
});

const handler = restate.createEndpointHandler({ services: [Greeter, Pauser, Counter, Signup, Load, LoadObj] });
http2.createServer(handler).listen(port, "127.0.0.1", () => console.log("listening"));
