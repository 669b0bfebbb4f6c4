// node shop.mjs PORT: a small web shop, whose invocations the demo's snapshot shows: carts and stock as virtual objects, payments and
// mails as services, a delivery as a workflow. Says `listening` once it does.
import "./polyfill.mjs";
import * as http2 from "node:http2";
import * as restate from "@restatedev/restate-sdk";

const day = { days: 1 };
// Waiting invocations suspend soon, for nobody wants to capture for minutes.
const soon = { journalRetention: day, idempotencyRetention: day, inactivityTimeout: { seconds: 2 } };

/** A fault as a real shop would report it: with its own stack, not with the paths of the machine that captured it. */
const fault = (message, ...frames) => Object.assign(new Error(message), {
  stack: [`Error: ${message}`, ...frames.map((frame) => `    at ${frame}`)].join("\n"),
});
const declined = (message, errorCode) => new restate.TerminalError(message, { errorCode });

const Cart = restate.object({
  name: "Cart",
  description: "One customer's basket",
  handlers: {
    add: async (ctx, { sku, quantity }) => {
      const items = (await ctx.get("items")) ?? {};
      items[sku] = (items[sku] ?? 0) + quantity;
      ctx.set("items", items);
      ctx.set("updated_at", await ctx.date.now());
      return items;
    },
    coupon: async (ctx, code) => {
      if (!/^[A-Z]+\d+$/.test(code)) throw declined(`coupon ${code} is not valid`, 422);
      ctx.set("coupon", code);
    },
    checkout: async (ctx, order) => {
      const items = (await ctx.get("items")) ?? {};
      const total = await ctx.serviceClient(Checkout).submit({ ...order, customer: ctx.key, items });
      ctx.clear("items");
      ctx.set("last_order", order.id);
      return total;
    },
    view: restate.handlers.object.shared(async (ctx) => (await ctx.get("items")) ?? {}),
  },
  options: soon,
});

const Inventory = restate.object({
  name: "Inventory",
  description: "Stock of one article",
  handlers: {
    restock: async (ctx, quantity) => {
      const stock = ((await ctx.get("stock")) ?? 0) + quantity;
      ctx.set("stock", stock);
      return stock;
    },
    reserve: async (ctx, quantity) => {
      const stock = (await ctx.get("stock")) ?? 0;
      if (stock < quantity) throw declined(`${ctx.key} is out of stock: ${stock} left, ${quantity} wanted`, 409);
      ctx.set("stock", stock - quantity);
      ctx.set("reserved", ((await ctx.get("reserved")) ?? 0) + quantity);
      return stock - quantity;
    },
    // Holds the article's lock until somebody in the warehouse has counted: what comes behind it waits.
    count: async (ctx) => {
      const { id, promise } = ctx.awakeable();
      await ctx.run("ask the warehouse", () => id);
      ctx.set("stock", await promise);
    },
    level: restate.handlers.object.shared(async (ctx) => (await ctx.get("stock")) ?? 0),
  },
  options: soon,
});

const Payments = restate.service({
  name: "Payments",
  description: "Charges cards through the payment gateway",
  metadata: { team: "billing" },
  handlers: {
    charge: async (ctx, { id, amount, card }) => {
      if (card === "stolen") throw declined("card was declined: reported stolen", 402);
      const payment = await ctx.run("create payment", () => `pay_${id}`);
      await ctx.run("capture payment", () => {
        if (card === "gateway-down")
          throw fault("payment gateway answered 503 Service Unavailable", "capture (payments.js:48:13)", "charge (payments.js:21:9)");
        return { payment, amount };
      });
      return payment;
    },
    refund: async (ctx, { payment, amount }) => {
      await ctx.run("refund payment", () => ({ payment, amount }));
      return "refunded";
    },
  },
  options: soon,
});

const Checkout = restate.service({
  name: "Checkout",
  description: "Turns a basket into an order",
  handlers: {
    submit: async (ctx, { id, customer, items, card, price }) => {
      for (const [sku, quantity] of Object.entries(items)) await ctx.objectClient(Inventory, sku).reserve(quantity);
      const amount = await ctx.run("compute total", () => Object.values(items).reduce((sum, quantity) => sum + quantity * price, 0));
      const payment = await ctx.serviceClient(Payments).charge({ id, amount, card });
      ctx.workflowSendClient(Delivery, id).run({ customer, items });
      ctx.serviceSendClient(Mails).send({ to: `${customer}@example.org`, template: "order-confirmed", order: id });
      ctx.serviceSendClient(Mails).send({ to: `${customer}@example.org`, template: "how-was-it", order: id },
        restate.rpc.sendOpts({ delay: { days: 7 } }));
      return { id, amount, payment };
    },
  },
  options: soon,
});

const Delivery = restate.workflow({
  name: "Delivery",
  description: "From the shelf to the customer's door",
  handlers: {
    run: async (ctx, { customer, items }) => {
      ctx.set("stage", "ordered");
      ctx.set("items", items);
      await ctx.run("print label", () => `label-${ctx.key}.pdf`);
      ctx.set("carrier", await ctx.promise("picked"));
      ctx.set("stage", "on its way");
      const signature = await ctx.promise("delivered");
      ctx.set("stage", "delivered");
      return { customer, signature };
    },
    picked: async (ctx, carrier) => { await ctx.promise("picked").resolve(carrier); },
    delivered: async (ctx, signature) => { await ctx.promise("delivered").resolve(signature); },
    lost: async (ctx, why) => { await ctx.promise("delivered").reject(why); },
    stage: async (ctx) => await ctx.get("stage"),
  },
  options: { ...soon, workflowRetention: day },
});

const Mails = restate.service({
  name: "Mails",
  description: "Sends mails",
  handlers: {
    send: restate.handlers.handler(
      { retryPolicy: { maxAttempts: 4, initialInterval: 50, onMaxAttempts: "pause" } },
      async (ctx, { to, template, order }) => {
        const text = await ctx.run("render", () => `${template} for ${order}`);
        await ctx.run("smtp", () => {
          if (to.startsWith("grace")) throw fault(`550 mailbox unavailable: ${to}`, "deliver (smtp.js:112:15)", "send (mails.js:17:5)");
          return "250 OK";
        });
        return text;
      }),
  },
  options: soon,
});

const Reports = restate.service({
  name: "Reports",
  description: "What the accountants ask for",
  handlers: {
    nightly: async (ctx) => {
      await ctx.sleep({ hours: 8 }, "until the night");
      return "done";
    },
    export: async (ctx, { rows }) => await ctx.run("write file", async () => {
      await new Promise((done) => setTimeout(done, rows * 1000));
      return rows;
    }),
  },
  // Its long step is no hang.
  options: { ...soon, inactivityTimeout: { hours: 1 } },
});

const handler = restate.createEndpointHandler({ services: [Cart, Checkout, Delivery, Inventory, Mails, Payments, Reports] });
http2.createServer(handler).listen(Number(process.argv[2]), "127.0.0.1", () => console.log("listening"));
